"""What can be heard in a recording: chroma, onsets, loudness, beats, chords, seams."""
