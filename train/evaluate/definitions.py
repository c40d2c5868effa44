"""What every figure of the report means: its unit, its definition and where it comes from."""

from dataclasses import dataclass

from longform.train.evaluate.artefacts import LEVELS_DB

SECTIONS = {
    "signal": "Signal and stereo",
    "obedience": "Obedience",
    "distribution": "Distance to real pieces",
    "structure": "Structure",
    "memorisation": "Memorisation",
    "autoencoder": "Autoencoder",
    "model": "Model",
}


@dataclass(frozen=True, kw_only=True)
class Definition:
    """`id` is "<section>.<name>"; `unit` is empty for a bare number."""

    id: str
    title: str
    unit: str
    text: str
    source: str


def definition(name: str) -> Definition:
    """The definition of the figure `name`; every figure of a report has one."""
    return DEFINITIONS[name]


def section_of(name: str) -> str:
    """The key of `SECTIONS` that the figure `name` belongs to."""
    return name.partition(".")[0]


OWN = "longform"
FOLD = "half, same and double tempo count alike"
SA2 = "Evans et al. 2024, arXiv 2404.10301"
SA2_COPY = f"after {SA2}, section 4.5"
AURALOSS = "auraloss 0.4 defaults, as in arXiv 2404.10301, table 5"
MATCHED = (
    "Mean of 8 draws of sets of equal size; the column of real pieces is the same between two "
    "disjoint halves of them"
)
OVERLAP = (
    "Overlapping area of the kernel density estimates of generated and real clips, 0 to 1",
    "Yang & Lerch 2018, On the evaluation of generative models in music",
)

_ROWS = """
signal.duration_error | length error, largest | s | Largest difference between the length of a file and the length asked for; only of files whose tags say what was asked. | {own}
signal.silent_share | silent | share | Clips of which half or more of the 50 ms frames (RMS of the louder channel) lie under -60 dBFS. | {own}
signal.tail_median | silent tail, median | s | Seconds under -60 dBFS at the end of the file, in 50 ms frames. | {own}
signal.tail_reached | silent after the plan's end | share | Of clips whose plan ends a second or more before the file: how many are under -60 dBFS within 2 s of the plan's end and stay there. | {own}
signal.clipped_share | clipped | share | Clips with three or more consecutive samples at or beyond 0.9995 of full scale. | {own}
signal.dc_largest | DC offset, largest | full scale | Largest mean of a channel, absolute. | {own}
signal.true_peak_median | true peak, median | dBTP | Largest value at four times the sample rate. | ITU-R BS.1770-4, annex 2
signal.loudness_median | loudness, median | LUFS | Integrated loudness with gating. | ITU-R BS.1770-4, pyloudnorm
signal.loudness_spread | loudness, deviation | LU | Standard deviation of the integrated loudness over the clips. | ITU-R BS.1770-4, pyloudnorm
signal.crest_median | crest factor, median | dB | Sample peak over RMS of all samples. | {own}
signal.bandwidth_median | bandwidth, median | Hz | Frequency below which 99.9 % of the power lies after first-order pre-emphasis (times frequency squared). | {own}
signal.static_share | static noise | share | Clips with a median spectral flatness (200 Hz to 8 kHz) above 0.25 whose median band moves by less than 3 dB: white noise has 0.56 and 1 dB, songbook music up to 0.13 and 7 dB or more. | {own}
signal.seam_largest | largest seam | ratio | The most click-like moment of any clip, over the 99.9th percentile of its own clip; above 16 it is audible. | {own}
signal.stereo_correct | stereo correct | share | Clips whose channels differ (side over middle above -40 dB), do not cancel (correlation above 0) and agree below 150 Hz (correlation above 0). A measured stand-in for the listeners' yes or no. | question of {sa2}, table 4; rule of {own}
signal.correlation_low | correlation of left and right, 20 to 150 Hz | | Median over clips of the normalised cross-spectrum's real part in the band; 1 mono, 0 unrelated, -1 opposed. | {own}
signal.correlation_middle | correlation, 150 Hz to 2 kHz | | As above. | {own}
signal.correlation_high | correlation, 2 to 16 kHz | | As above. | {own}
signal.width_low | width, 20 to 150 Hz | share | Median over clips of the share of the band's power that is in the side signal (L-R)/2. | {own}
signal.width_middle | width, 150 Hz to 2 kHz | share | As above. | {own}
signal.width_high | width, 2 to 16 kHz | share | As above. | {own}
signal.fold_loss_median | loss in mono, median | dB | Power of both channels over the power of their mean: 0 mono, 3 unrelated channels, more where they cancel. | {own}
obedience.tempo | tempo within 4 % | share | Estimated tempo against the tempo asked (else planned), {fold}. Real pieces: the estimator's own hits, against the truth. Chance: heard tempi dealt to the wrong prompts. | MIREX tolerance; estimator of {own}, fitted on songbook pieces
obedience.tempo_unfolded | tempo within 4 %, octave right | share | As above, and half or double tempo is wrong. | as above
obedience.key | key exact | share | Estimated key equals the key asked (else planned). Real pieces: the estimator's own hits. Chance: heard keys dealt to the wrong prompts. | estimator of {own}, fitted on songbook pieces
obedience.key_mirex | key, weighted score | | 1 exact, 0.5 a fifth away, 0.3 relative, 0.2 parallel. | MIREX audio key detection; the weights are those of mir_eval.key
obedience.key_profile | key exact, by a published profile | share | As "key exact", by an estimator that never saw songbook music. | Albrecht & Shanahan 2013
obedience.chords | chords of the plan heard | share | Bars in which, over the time of each planned chord, the likeliest of 24 triads by chroma has no note that the chord lacks (Am7 may be heard as A minor or as C). Clips whose files tell the chords of their plan. Real pieces: the estimator's own hits. Chance: bars dealt the chords of another bar of the same piece. | estimator of {own}, fitted on songbook pieces
obedience.style_top1 | style | share | The style asked for is the likeliest of all styles for CLAP (zero-shot, mean of four templates). Real pieces: the classifier's own hits. | zero-shot as in Radford et al. 2021, arXiv 2103.00020
obedience.style_top3 | style among the first three | share | As above, among the three likeliest. | as above
obedience.instruments | instrument families | ROC area | Mean over families (drums, bass, keys, ...) of how often a clip that was asked for one scores above a clip that was not, by CLAP. Real pieces: families of the piece's plan. | {own}
obedience.clap_own | CLAP score of the own prompt | cosine | Mean cosine of a clip's and its prompt's embeddings by the CLAP of the scoring bundle; not comparable with LAION-CLAP scores. Real pieces: with a caption. | {own}
obedience.laion_clap | LAION-CLAP score | cosine | Mean cosine of clip and prompt by the LAION-CLAP weights that --full names: 48 kHz mono, peak at -1 dB, fusion of three crops. Comparable with published scores if the weights are 630k-audioset-fusion-best and the prompts theirs. Real pieces: with a caption. | settings of stable-audio-metrics, arXiv 2407.14358
obedience.clap_shuffled | prompt above a shuffled one | share | How often a clip's cosine with its own prompt exceeds that with one other clip's prompt, dealt at random. | {own}
obedience.clap_any | prompt above the others | share | How often a clip's cosine with its own prompt exceeds that with another clip's prompt. | {own}
distribution.clap_fd | longform-clap-FD | | Frechet distance of Gaussians fitted to 10 s window embeddings. On this package's own CLAP: never compare it with a published FAD or FD. {matched}. | formula: Heusel et al. 2017, arXiv 1706.08500
distribution.clap_fd_autoencoder | longform-clap-FD of the autoencoder | | The same distance between excerpts of real pieces and what the autoencoder makes of them: what no generator that uses it can fall below. | as above
distribution.clap_fd_ratio | longform-clap-FD over the attainable | ratio | The generated clips' distance over the sum of that between two halves of the real pieces and that of the autoencoder; 1 is as near as can be. | {own}
distribution.clap_mmd | longform-clap-MMD x 1000 | | Unbiased squared maximum mean discrepancy of the same embeddings, Gaussian kernel of median width. {matched}. | Gretton et al. 2012; width as in KAD, arXiv 2502.15602
distribution.density | density | | How many real neighbourhoods (5 nearest, clip embeddings) a generated clip lies in, over 5. {matched}. | Naeem et al. 2020, arXiv 2002.09797
distribution.coverage | coverage | share | Real clips with a generated clip within their neighbourhood. {matched}. | Naeem et al. 2020, arXiv 2002.09797
distribution.tag_kl | KL of style tags | nats | KL(generated || real) of the mean zero-shot style probabilities; not KL_passt. {matched}. | {own}
distribution.openl3 | FD_openl3 | | Frechet distance of Gaussians fitted to all OpenL3 embeddings of the clips and of the real pieces (their last seconds, as long as the clips), by the weights that --full names: mel256, music, 512 numbers each for left and right, windows of 1 s every 0.5 s, peak at -1 dB, band of 44.1 kHz. It falls as sets grow: hold it against a published value only with its pieces and as many clips. | settings of stable-audio-metrics, arXiv 2407.14358; network: Cramer et al. 2019 (OpenL3)
distribution.passt | KL_passt | nats | Mean over pairs of KL(generated || real) of the probabilities of 527 classes by the PaSST weights that --full names: mono at 32 kHz, peak at -1 dB, softmax of the mean logits of 10 s windows every 5 s, 1e-6 added to the real. A pair is a clip and the last seconds, as long as the clip, of the one real piece that has its prompt as a caption. | settings of stable-audio-metrics, arXiv 2407.14358; network: Koutini et al. 2022, arXiv 2110.05069
distribution.mirdd | longform-MIRDD | nats | Mean over eleven musical descriptors of KL(generated || real) of their distributions. The paper's descriptors come from models that are not public; these come from this package's estimators, so never compare it with a published MIRDD. For accompaniment, as in the paper: clips are stems mixed with what they answer (longform accompany --together). {matched}. | Parker et al. 2023 (StemGen), arXiv 2312.08723
distribution.diversity | diversity | cosine distance | Mean over all pairs of clips of 1 - cosine of their CLAP embeddings. | {own}
distribution.diversity_style | diversity within a style | cosine distance | As above, pairs of one style. | {own}
distribution.diversity_seeds | diversity between seeds | cosine distance | As above, pairs of one prompt and different seeds. | {own}
structure.return_median | return of early material, median | | How much likelier the second half's moments are to be found in the first half (16 s or more back) than any moment elsewhere: 0 nothing returns, 1 exact repeat. Clips of 40 s or more. | {own}; the question is that of {sa2}, figure 4
structure.return_overlap | return: overlap with real | share | {overlap}. {halves} | {overlap_source}
structure.changes_median | section changes per minute, median | 1/min | Peaks of the checkerboard novelty of the self-similarity matrix (timbre and chroma, 1 s cells, 16 s kernel). | Foote 2000
structure.changes_overlap | changes: overlap with real | share | {overlap}. {halves} | {overlap_source}
structure.repetition_median | repetition, median | share | Seconds whose surroundings (5 s) sound elsewhere, 8 s or more away (similarity 0.7). | {own}
structure.repetition_overlap | repetition: overlap with real | share | {overlap}. {halves} | {overlap_source}
structure.similarity_overlap | self-similarity: overlap with real | share | Overlap of the distributions of the clips' mean self-similarity off the diagonal (8 s or more apart). {halves} | {overlap_source}
memorisation.clap_median | nearest training item by CLAP, median | cosine | Largest cosine of a 10 s window of the clip and a window of any training item. Real pieces: held-out ones. | {copy}
memorisation.clap_beyond | beyond held-out pieces, by CLAP | share | Clips that are nearer to a training item than held-out real pieces are at the 99th percentile. | {copy}
memorisation.clap_overlap | by CLAP: overlap with held-out | share | {overlap} | {overlap_source}
memorisation.latent_median | nearest training item by latents, median | correlation | Largest correlation of 10 s of latents (standardised channels, three places of the clip) with any training item at any frame offset; 1 is a copy. Real pieces: held-out ones. | {copy}
memorisation.latent_beyond | beyond held-out pieces, by latents | share | Clips that match a training item better than held-out real pieces do at the 99th percentile. | {copy}
memorisation.latent_overlap | by latents: overlap with held-out | share | {overlap} | {overlap_source}
autoencoder.si_sdr | SI-SDR | dB | Scale-invariant signal-to-distortion ratio of reconstructions of the middle 24 s of real pieces; higher is better. A decoder that makes its own phase is very low here by design. | {auraloss}
autoencoder.stft | STFT distance | | Spectral convergence and log magnitude at three resolutions; lower is better. | {auraloss}
autoencoder.mel | MEL distance | | As above on 128 mel bands; lower is better. | {auraloss}
autoencoder.key | key exact after the round trip | share | Real pieces of known key whose key is still heard. Real pieces: heard in the recording. The distances above do not hear whether a tone is in tune. | {own}
autoencoder.key_relative | key relative after the round trip | share | As above, heard as its relative. | {own}
autoencoder.key_fifth | key a fifth away after the round trip | share | As above, heard a fifth away. | {own}
autoencoder.chroma | chroma kept | cosine | Cosine of the chroma over time (constant Q, six octaves from A1, each moment scaled to 1) of recording and reconstruction. | {own}, librosa
autoencoder.ring | ringing | dB | Power at the multiples of the latent rate over the power beside them, in spectra of 8 latents; the worst of four bands from 60 Hz to 12 kHz, mean over pieces. {artefact} Alarm above {ring} dB. | {own}; repeated noise: Guttman & Julesz 1963
autoencoder.buzz | buzzing | dB | Power at the multiples of 86.1 Hz (a frame of 512 samples at 44.1 kHz) over that at the other multiples of the latent rate; as above. Alarm above {buzz} dB. | {own}
autoencoder.pulse | pulsing | dB | As ringing, in the modulation spectrum of each band's envelope, up to 8 times the latent rate. Alarm above {pulse} dB. | {own}
autoencoder.alarms | metallic, buzzing or pulsing | share | Pieces in which ringing, buzzing or pulsing exceeds its level in any band after the round trip. Real pieces: in the recording. | {own}
model.steps | denoising steps, most | | Largest number of denoising steps that the files say they were made with. | {own}
model.size | size of the model | MB | All files of the bundle that --model names, in millions of bytes; a wheel that carries it is a little larger. | {own}
"""  # noqa: E501


def _parse(line: str) -> Definition:
    words = {
        "own": OWN,
        "fold": FOLD,
        "sa2": SA2,
        "copy": SA2_COPY,
        "auraloss": AURALOSS,
        "artefact": "Real pieces: in the recording, which knows no such grid.",
        **{name: f"{level:g}" for name, level in LEVELS_DB.items()},
        "matched": MATCHED,
        "overlap": OVERLAP[0],
        "halves": "Real pieces: the same between two disjoint halves of them, mean of 8 draws.",
        "overlap_source": OVERLAP[1],
    }
    # "||" is the bar of a divergence, not a column's edge.
    fields = [field.strip().replace("\0", "||") for field in line.replace("||", "\0").split("|")]
    name, title, unit, text, source = (field.format(**words) for field in fields)
    return Definition(id=name, title=title, unit=unit, text=text, source=source)


DEFINITIONS = {one.id: one for one in (_parse(line) for line in _ROWS.strip().splitlines())}
