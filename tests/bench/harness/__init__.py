"""What the benchmarks share: peers to start, load to send, numbers to read, charts to draw."""
