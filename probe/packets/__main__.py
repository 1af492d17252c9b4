"""Entry point of `python -m probe.packets`; `probe.measure.watcher` starts it and holds its input and output."""

from probe.packets.watch import main

if __name__ == "__main__":
    main()
