"""Progressions of jazz, soul, folk, concert and game music (the notation is that of `harmony`)."""

ART: dict[str, dict[str, dict[str, tuple[str, ...]]]] = {
    "jazz": {
        "major": {
            "verse": (
                "ii7 V7 Imaj7 vi7 ii7 V7 Imaj7 Imaj7",
                "Imaj7 vi7 ii7 V7 iii7 VI7 ii7 V7",
                "Imaj7 VI7b9 ii9 V13 iii7 VI7b9 ii9,V13 Imaj9",
                "Imaj7 IV7 iii7 VI7 ii7 V7 Imaj7 V7",
                "iii7 VI7 ii7 V7 Imaj7 IVmaj7 ii7,V7 Imaj7",
            ),
            "chorus": (
                "Imaj7,vi7 ii7,V7 iii7,VI7 ii7,V7 Imaj7,I7 IVmaj7,iv6 iii7,VI7 ii7,V7",
                "IVmaj7 iv6 iii7 VI7 ii7 V7 Imaj7,VI7 ii7,V7",
                "ii9 V13 Imaj9 VI7b9 ii9 V13 Imaj9 Imaj9",
            ),
            "bridge": (
                "III7 III7 VI7 VI7 II7 II7 V7 V7",
                "v7 I7 IVmaj7 IVmaj7 vi7 II7 ii7 V7",
                "iv7 bVII9 Imaj7 Imaj7 ii7 ii7 ii7 V7",
            ),
        },
        "minor": {
            "verse": (
                "i7 iih7,V7b9 i7 i7 iv7 VII7 IIImaj7 iih7,V7b9",
                "iih7 V7b9 i7 i7 iih7 V7b9 i6 i6",
                "iv7 VII7 IIImaj7 VImaj7 iih7 V7b9 i7 i7",
                "i6 VI7 iih7 V7b9 i6 iv7 iih7,V7b9 i6",
            ),
            "chorus": (
                "iv7 VII7 IIImaj7 VImaj7 iih7 V7b9 i7 V7b9",
                "i7 i7 iv7 iv7 VI7 V7b9 i7,VI7 iih7,V7b9",
            ),
            "bridge": (
                "iv9 VII13 IIImaj9 IIImaj9 iih7 V7b9 i9 i9",
                "III7 III7 VI7 VI7 II7 II7 V7b9 V7b9",
            ),
        },
    },
    "bossa": {
        "major": {
            "verse": (
                "Imaj9 Imaj9 II9 II9 ii9 V13 Imaj9 V7b9",
                "Imaj7 bIIdim7 ii7 V7 iii7 bIIIdim7 ii7 V7",
                "Imaj9 vi9 ii9 V13 iii7 VI7b9 ii9 V13",
                "Imaj7 IVmaj7 iii7 VI7b9 ii9 V13 Imaj9 Imaj9",
            ),
            "chorus": (
                "IVmaj7 iv6 iii7 VI7b9 ii9 V13 Imaj9 Imaj9",
                "ii9 V13 iii7 VI7b9 ii9 iv6 Imaj9 Imaj9",
            ),
            "bridge": (
                "bIImaj7 bIImaj7 bV9 bV9 ii9 ii9 V13 V7b9",
                "iv9 bVII13 Imaj9 VI7b9 II9 II9 ii9 V7b9",
            ),
        },
        "minor": {
            "verse": (
                "i9 i9 iih7 V7b9 i9 i9 iih7 V7b9",
                "i9 bII9 i9 V7b9 iv9 VII13 IIImaj9 V7b9",
                "i6 VI7 iih7 V7b9 i9 iv9 iih7,V7b9 i9",
            ),
            "chorus": (
                "iv9 VII13 IIImaj9 VImaj9 iih7 V7b9 i9 i9",
                "VImaj9 V7b9 i9 i9 iv9 V7b9 i9 V7b9",
            ),
            "bridge": (
                "IIImaj9 III6 iv9 VII13 IIImaj9 III6 iih7 V7b9",
                "iv9 iv9 i9 i9 VI9 VI9 V7sus4 V7b9",
            ),
        },
    },
    "lofi": {
        "major": {
            "verse": (
                "ii9 V13 Imaj9 vi9",
                "Imaj9 iii7 vi9 IVmaj9",
                "IVmaj9 iii7 ii9 Imaj9",
                "Imaj7 VI7 ii9 V9sus4",
            ),
            "chorus": ("IVmaj9 V13 iii7 vi9", "ii9 iii7 IVmaj9 V9sus4", "IVmaj7 iv6 Imaj9 VI7b9"),
            "bridge": ("vi9 ii9 vi9 ii9", "IVmaj9 iv6 iii7 VI7"),
        },
        "minor": {
            "verse": (
                "i9 iv9 VII13 IIImaj9",
                "i9 VImaj9 iih7 V7b9",
                "VImaj9 v7 i9 i9",
                "iv9 v7 i9 i9",
            ),
            "chorus": ("VImaj9 VII13 i9 III", "iv9 VII13 IIImaj9 VImaj9", "VImaj7 V7b9 i9 i11"),
            "bridge": ("iv9 i9 iv9 V7b9", "VImaj9 VImaj9 v7 v7"),
        },
    },
    "soul": {
        "major": {
            "verse": (
                "Imaj7 vi7 ii7 V7sus4",
                "Imaj7 iii7 IVmaj7 V9sus4",
                "I7 I7 IV9 IV9",
                "I I/3 IV IV,V",
            ),
            "chorus": ("IVmaj7 iii7 ii7 Imaj7", "ii7 iii7 IVmaj7 V9sus4", "vi7 ii7 V13 Imaj7"),
            "bridge": ("vi7 II9 ii7 V9sus4", "bVIImaj7 bVIImaj7 IVmaj7 V9sus4", "iii7 vi7 ii7 V7"),
        },
        "minor": {
            "verse": ("i7 iv7 i7 iv7", "i9 VImaj7 iv9 V7", "i7 VII VImaj7 V7", "i7 IV9 i7 IV9"),
            "chorus": ("VImaj7 VII i7 i7", "iv7 VII9 IIImaj7 VImaj7", "iv9 v7 i9 i9"),
            "bridge": ("VImaj7 V7 i7 i7", "iv7 iv7 V7sus4 V7"),
        },
    },
    "funk": {
        "major": {
            "verse": ("I9 I9 I9 I9", "I9 I9 I9 IV9", "I7 IV9 I7 IV9", "I9 bVII9 IV9 I9"),
            "chorus": ("IV9 IV9 I9 I9", "I7 bIII bVII9 IV9", "bVII9 IV9 I9 I9"),
            "bridge": ("IV9 IV9 V9 V9", "ii7 ii7 IV9 V9sus4"),
        },
        "minor": {
            "verse": ("i7 i7 i7 i7", "i9 i9 IV9 IV9", "i7 IV9 i7 IV9", "i7 i7 i7 VII9"),
            "chorus": ("i7 III IV9 VI", "VImaj7 VII9 i7 i7", "iv9 iv9 i7 i7"),
            "bridge": ("iv9 iv9 V7#9 V7#9", "VI9 VI9 V9 V7#9"),
        },
    },
    "blues": {
        "major": {
            "verse": (
                "I7 I7 I7 I7 IV7 IV7 I7 I7 V7 IV7 I7 V7",
                "I7 IV7 I7 I7 IV7 IV7 I7 I7 V7 IV7 I7,IV7 I7,V7",
                "I7 IV9 I7 I7 IV9 IV9 I7 VI7 ii7 V9 I7,VI7 ii7,V7",
            ),
        },
        "minor": {
            "verse": (
                "i7 i7 i7 i7 iv7 iv7 i7 i7 VI7 V7 i7 V7",
                "i7 iv7 i7 i7 iv7 iv7 i7 i7 v7 iv7 i7 V7#9",
            ),
        },
    },
    "reggae": {
        "major": {
            "verse": ("I IV I IV", "I V vi IV", "I ii I ii", "I I IV V", "I vi ii V"),
            "chorus": ("I IV V IV", "IV I V I", "I V ii IV", "vi IV I V"),
            "bridge": ("vi vi IV V", "ii ii V V"),
        },
        "minor": {
            "verse": ("i i iv iv", "i VII i VII", "i iv i iv", "i VI VII i"),
            "chorus": ("VI VII i i", "i VII VI VII", "iv VII i i"),
            "bridge": ("iv iv i i", "VI VI VII VII"),
        },
    },
    "folk": {
        "major": {
            "verse": ("I IV I V", "I V vi IV", "I I IV I", "I iii IV I", "I IV V I", "vi IV I I"),
            "chorus": ("IV I V I", "IV V I vi", "I IV I,V I", "I V IV I", "IV I IV V"),
            "bridge": ("vi iii IV I", "ii IV I V", "vi vi IV V"),
        },
        "minor": {
            "verse": ("i VII i VII", "i III VII i", "i iv i VII", "i VI VII i", "i VII VI v"),
            "chorus": ("III VII i i", "VI VII i i", "III VII iv i", "i VII III VII"),
            "bridge": ("iv i VII i", "VI III iv v", "VI VI VII VII"),
        },
    },
    "classical": {
        "major": {
            "verse": (
                "I V/7 vi iii IV I/3 ii V",
                "I ii V I vi ii V I",
                "I I IV I V I ii,V I",
                "I vi IV ii V I/3 IV,V I",
            ),
            "chorus": ("IV V iii vi ii V I I", "I V vi iii IV I IV V", "I IV ii V iii vi ii,V I"),
            "bridge": ("vi iii IV I ii vi II V", "vi ii V I IV ii III vi", "v I IV IV vi II V V7"),
        },
        "minor": {
            "verse": (
                "i V i iv VI III iih7 V",
                "i iv VII III VI iih7 V i",
                "i VII VI V i iv V i",
                "i i/3 iv V VI iv V V7",
            ),
            "chorus": (
                "VI VII III i iv i V i",
                "i VII III VII i iv V i",
                "iv VII III VI iih7 V i i",
            ),
            "bridge": (
                "III VII i V III VII i,V i",
                "VI III iv i VI III iv V",
                "iv i iv i VI iio V V",
            ),
        },
    },
    "cinematic": {
        "major": {
            "verse": (
                "I I vi vi IV IV V V",
                "I V ii vi IV I/3 IV V",
                "Isus2 Isus2 vi vi IV IV I I",
            ),
            "chorus": (
                "I V vi IV I V IV IV",
                "IV V vi iii IV I/3 ii V",
                "I bVI bVII I I bVI bVII I",
            ),
            "bridge": ("bVI bVI bVII bVII iv iv V V", "vi iii IV I ii vi IV V"),
        },
        "minor": {
            "verse": ("i i VI VI iv iv v v", "i VI III VII i VI iv V", "i i VII VII VI VI VII VII"),
            "chorus": (
                "i VI III VII i VI III VII",
                "VI VII i III VI VII i V",
                "i VII VI III iv i VI V",
            ),
            "bridge": ("iv iv i i VI VI V V", "VI VI bII bII i i V V", "VI III VII i VI III iv V"),
        },
    },
    "ambient": {
        "major": {
            "verse": (
                "Iadd9 Iadd9 IVmaj7 IVmaj7",
                "Isus2 vi7 IVmaj9 Isus2",
                "Imaj9 Imaj9 iii7 IVmaj9",
            ),
            "chorus": (
                "IVmaj9 IVmaj9 vi9 Iadd9",
                "Imaj9 IVmaj9 Imaj9 IVmaj9",
                "vi9 IVadd9 Iadd9 Vsus4",
            ),
            "bridge": ("vi9 vi9 IVadd9 IVadd9", "ii9 ii9 IVmaj9 IVmaj9"),
        },
        "minor": {
            "verse": ("iadd9 iadd9 VImaj7 VImaj7", "i9 i9 iv9 iv9", "iadd9 VII VImaj7 VImaj7"),
            "chorus": ("VImaj9 VImaj9 i9 i9", "VImaj7 VII i9 iv9", "iadd9 III VImaj7 iv9"),
            "bridge": ("iv9 iv9 VImaj9 VImaj9", "III III VII VII"),
        },
    },
    "synthwave": {
        "major": {
            "verse": ("I V vi IV", "vi IV I V", "IV V vi vi", "I I IV IV"),
            "chorus": ("IV V I vi", "vi IV I V", "IV I V vi"),
            "bridge": ("IV IV V V", "vi V IV V"),
        },
        "minor": {
            "verse": ("i VI III VII", "i i VI VII", "VI VII i i", "i VII VI VII", "i VI iv VII"),
            "chorus": ("VI VII i III", "i VI III VII", "VI III VII i", "VI VII v i"),
            "bridge": ("iv v VI VII", "VI VI VII VII", "iv iv VI V"),
        },
    },
    "chip": {
        "major": {
            "verse": ("I V vi IV", "I IV V I", "I vi IV V", "I bVII IV V", "I bVI bVII I"),
            "chorus": ("IV V I vi", "I V vi iii IV I IV V", "IV V iii vi", "bVI bVII I I"),
            "bridge": ("vi vi IV V", "bVI bVI bVII bVII", "ii iii IV V"),
        },
        "minor": {
            "verse": ("i VII VI V", "i VI III VII", "i i VI VII", "i iv VII III"),
            "chorus": ("VI VII i i", "i VI III VII", "iv VII III VI", "VI VII V i"),
            "bridge": ("VI VI V V", "iv i VI V"),
        },
    },
    "latin": {
        "major": {
            "verse": ("I IV V IV", "I vi ii V", "I7 IV V7 I", "ii7 V7 I I"),
            "chorus": ("I IV V IV", "ii7 V7 Imaj7 vi7", "IV V I I"),
            "bridge": ("IV IV I I", "vi II7 ii7 V7"),
        },
        "minor": {
            "verse": ("i iv V7 V7", "i V7 V7 i", "i7 IV9 i7 IV9", "i VII VI V7", "iv i V7 i"),
            "chorus": ("i iv V7 i", "i7 IV9 i7 IV9", "iv VII III V7", "i VII VI V7"),
            "bridge": ("iv iv i i", "VI VI V7 V7"),
        },
    },
}
