"""Progressions of popular and club music (the notation is that of `harmony`)."""

POPULAR: dict[str, dict[str, dict[str, tuple[str, ...]]]] = {
    "pop": {
        "major": {
            "verse": (
                "I V vi IV",
                "vi IV I V",
                "I vi IV V",
                "I iii IV V",
                "I IV vi V",
                "I I/3 IV V",
            ),
            "chorus": (
                "I V vi IV",
                "IV I V vi",
                "vi IV I V",
                "IV V I vi",
                "I IV I V",
                "IV V vi I/3",
            ),
            "bridge": ("vi V IV V", "ii vi IV V", "IV iv I V", "vi iii IV V", "IV IV V V"),
        },
        "minor": {
            "verse": ("i VI III VII", "i iv VI VII", "i VII VI VII", "i III VII iv", "i i VI VII"),
            "chorus": ("VI VII i i", "i VI III VII", "VI III VII i", "iv VI i VII", "III VII i VI"),
            "bridge": ("iv i VI VII", "VI VI VII VII", "iv VII III VI", "VI iv i V"),
        },
    },
    "rock": {
        "major": {
            "verse": ("I I IV IV", "I bVII IV I", "I IV I V", "I V IV IV", "I I IV,V I"),
            "chorus": ("I V vi IV", "IV I V V", "I bVII IV I", "IV V I vi", "I IV V IV"),
            "bridge": ("vi vi IV V", "bVII IV I I", "ii ii IV V", "vi V IV V"),
        },
        "minor": {
            "verse": ("i i VI VII", "i VII VI VII", "i i i VII", "i III IV VI", "i VI i VII"),
            "chorus": ("VI VII i i", "i VI III VII", "VI III VII VII", "i VII VI VI"),
            "bridge": ("iv iv VI VII", "VI VI V V", "iv VI i VII"),
        },
    },
    "power": {
        "major": {
            "verse": ("I5 I5 bVII5 IV5", "I5 I5 IV5 V5", "I5 bIII5 IV5 I5"),
            "chorus": ("I5 V5 vi IV5", "IV5 V5 I5 I5", "vi IV5 I5 V5"),
            "bridge": ("bVI5 bVII5 I5 I5", "vi vi IV5 V5"),
        },
        "minor": {
            "verse": ("I5 I5 VI5 VII5", "I5 I5 I5 bII5", "I5 III5 IV5 VI5", "I5 I5 VI5 V5"),
            "chorus": ("VI5 VII5 I5 I5", "I5 VI5 III5 VII5", "IV5 VI5 I5 VII5"),
            "bridge": ("IV5 IV5 VI5 VII5", "VI5 bII5 I5 I5", "I5 I5 bII5 VII5"),
        },
    },
    "dance": {
        "major": {
            "verse": ("I vi IV V", "vi IV I V", "IV V vi iii", "ii7 IV vi V", "I IV vi IV"),
            "chorus": ("vi IV I V", "IV I V vi", "IV V vi I/3", "I V ii IV"),
            "bridge": ("ii IV vi V", "IV IV vi V", "vi iii IV IV"),
        },
        "minor": {
            "verse": ("i VI III VII", "i i VI VII", "i VII VI VI", "i III VI VII", "VI VII i v"),
            "chorus": ("VI VII i III", "i VI III VII", "VI III VII i", "iv VI i VII", "VI VII i i"),
            "bridge": ("iv i VII VI", "VI VI VII v", "i v VI iv"),
        },
    },
    "deep": {
        "major": {
            "verse": ("Imaj7 iii7 ii7 IVmaj7", "ii9 V13 Imaj9 vi7", "IVmaj9 iii7 ii9 Imaj9"),
            "chorus": ("IVmaj7 V9sus4 iii7 vi9", "ii9 iii7 IVmaj9 V9sus4", "IVmaj9 iii7 vi9 vi9"),
            "bridge": ("vi9 vi9 ii9 V13", "bVIImaj7 IVmaj7 Imaj9 Imaj9"),
        },
        "minor": {
            "verse": ("i9 iv9 i9 iv9", "i9 VImaj7 iv9 v7", "i7 i7 VImaj7 VII", "i9 III iv9 VImaj7"),
            "chorus": (
                "VImaj7 v7 i9 i9",
                "iv9 v7 i9 III",
                "VImaj7 VII v7 i9",
                "iv9 VII9 IIImaj7 VImaj7",
            ),
            "bridge": ("iv9 iv9 v7 v7", "VImaj7 VImaj7 VII VII", "iv9 i9 iv9 v7"),
        },
    },
    "modal": {
        "major": {
            "verse": ("I I I I", "I I bVII bVII", "I I ii ii", "Isus2 Isus2 bVII IV"),
            "chorus": ("I bVII I bVII", "I I IV I", "I bVII IV I"),
            "bridge": ("IV IV I I", "bVII bVII IV IV"),
        },
        "minor": {
            "verse": ("i i i i", "i7 i7 i7 i7", "i i i VII", "i i i v", "i i VI VI", "i i i,bII i"),
            "chorus": ("i i VI VII", "i i III III", "i i i VI", "i VII i VI", "i9 i9 iv9 iv9"),
            "bridge": ("VI VI i i", "iv iv i i", "VI VII i i"),
        },
    },
    "dark": {
        "major": {
            "verse": ("I bVII bVI V", "I iv I iv", "I I bVI bVII"),
            "chorus": ("bVI bVII I I", "iv bVII I I"),
            "bridge": ("bVI bVI bVII bVII", "iv iv V V"),
        },
        "minor": {
            "verse": ("i i VI V", "i VI i V", "i bII i VII", "i i iv V", "i VI iv V", "i III VI V"),
            "chorus": ("i VI iv V", "VI VII i i", "i VI III V", "iv i VI V", "i v VI bII"),
            "bridge": ("VI V VI V", "iv iv i i", "VI bII i V"),
        },
    },
}
