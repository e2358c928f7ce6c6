"""Forming: from the insulating oxide to the filament, one device or an ensemble, and the history up to switching."""
