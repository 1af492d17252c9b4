"""`python -m probe.packets`: started by `probe.measure.watcher`, which holds the other end of its input and output."""

from probe.packets.watch import main

if __name__ == "__main__":
    main()
