"""Second voices: a slow line against the tune, or an answer while the tune takes breath."""

from longform.train.songbook.melody import PERIOD_BARS, Line, Melodist, voice_ends
from longform.train.songbook.motif import local_scale, nearest, stepped
from longform.train.songbook.stage import STEPS, Span, Stage


def counter_line(stage: Stage, span: Span, line: Line) -> None:
    """A slow second line of chord tones that moves by small steps, entering a little late."""
    rng = stage.section_rng("counter", span)
    late = float(rng.choice([0.0, 0.5, 1.0]))
    centre, velocity = line.centre, line.velocity
    pitch = centre - 5
    for bar in span.played_bars:
        for beat, beats, chord in stage.chord_spans(bar):
            at = beat + (late if beats > late + 0.5 else 0.0)
            target = nearest(pitch + int(rng.integers(-3, 4)), chord.pitch_classes)
            pitch = (
                target if abs(target - centre) < 10 else nearest(centre - 5, chord.pitch_classes)
            )
            length = beat + beats - at
            if length >= 3 and span.level > 0.5 and rng.random() < 0.6:
                stage.add(line.track, bar, at, length - 1.04, pitch, velocity)
                passing = stepped(pitch, int(rng.choice([-1, 1])), local_scale(stage, chord))
                stage.add(line.track, bar, at + length - 1, 0.96, passing, velocity * 0.95)
            else:
                stage.add(line.track, bar, at, length - 0.04, pitch, velocity)


def respond(stage: Stage, melodist: Melodist, span: Span, line: Line) -> None:
    """Call and response: the head of the tune's motif, sung back at the end of each phrase."""
    motif = melodist.head(span)
    begins = voice_ends(stage.plan.metre)
    room = (stage.plan.metre - begins) * STEPS
    head = [(step, length) for step, length in motif.rhythm if step < room] or [(0, room)]
    origin = head[0][0]
    for bar in span.played_bars:
        place = (bar - span.section.start_bar) % PERIOD_BARS
        if place % 4 != 3 and bar != span.played_bars[-1]:
            continue
        pitch = line.centre
        for index, (step, length) in enumerate(head):
            at = begins + (step - origin) / STEPS
            chord = stage.chord(bar, at)
            if index:
                pitch = stepped(pitch, motif.moves[index], local_scale(stage, chord))
            if index in (0, len(head) - 1):
                pitch = nearest(pitch, chord.pitch_classes)
            beats = min(length / STEPS, stage.plan.metre - at) - 0.05
            stage.add(line.track, bar, at, beats, pitch, line.velocity * 1.05)
