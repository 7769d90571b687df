"""Sound: adaptive prediction in fixed-order doubles, decisions mixed bit by bit, one frame after another."""
