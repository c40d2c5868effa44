#!/bin/bash
# `mini` goes on from itself on one GPU and 16 cores: songbook, autoencoder, denoiser, student, bundle.
#   nohup bash configs/mini_gpu.sh WORK > mini_gpu.log 2>&1 &
# WORK is filled: data, latents, runs, model. What is finished there is kept: give it again after an interruption.
# About half an hour of an H200, planned from: 6 s of rendering an hour of music, beside it the autoencoder with 5 to 6
# steps a second, then the denoiser with 7 and the student with 6. Each count of steps can be set from outside:
#   JOINT=8000 DENOISER=20000 STUDENT=8000 bash configs/mini_gpu.sh WORK
set -euo pipefail
here=$(cd "$(dirname "$0")/.." && pwd)
work=${1:?name the folder to work in}
joint=${JOINT:-4000} adversarial=${ADVERSARIAL:-1600} even=${EVEN:-400} denoiser=${DENOISER:-4500} student=${STUDENT:-3000}
hours=${HOURS:-1}                        # times the hours of music below
batch=${BATCH:-128}
samples=${SAMPLES:-/usr/share/sonic-pi/samples}
run=(--set "run.prefetch=8" --set "run.checkpoint_minutes=2" --set "run.log_every=50" --set "run.validate_every=500")
read -ra more <<< "${MORE:-}"            # further --set of every training run
run+=("${more[@]}")
mkdir -p "$work" && cd "$work"

songbook() {                             # name hours seed longest, options
  longform corpus build "data/$1" --hours "$(python3 -c "print($2 * $hours)")" --seed "$3" --longest "$4" "${@:5}"
  mkdir -p data/all && find "$PWD/data/$1" -maxdepth 1 -name '[em]0*' -exec ln -sf -t data/all {} +
}

held() {                                 # pieces of held sounds, and every twentieth of all
  mkdir -p data/held && find data/recorded -name 'm0*[02468]0.json' > data/held.txt
  grep -lE '"style": "(ambient|chamber strings|cinematic orchestral)"' data/recorded/m0*.json >> data/held.txt
  sort -u data/held.txt | while read -r one; do ln -sf "$PWD/${one%.json}".* data/held/; done
}

autoencoder() {                          # encoder and decoder, then the decoder against discriminators and beating
  longform train autoencoder "$here/configs/autoencoder_mini_adversarial.yaml" --set run.out=runs/joint --set run.start_from=mini \
    --set "run.steps=$joint" --set "run.batch=$batch" --set decoder_only=false --set adversarial.start_step=1000000 --set loss.kl=3.0e-4 \
    --set loss.pulse=1.0 --set run.optimisers.generator.lr=5.0e-4 --set data.folder=data/recorded "${run[@]}"
  longform train autoencoder "$here/configs/autoencoder_mini_adversarial.yaml" --set run.out=runs/adversarial --set run.start_from=runs/joint \
    --set "run.steps=$adversarial" --set "run.batch=$((batch / 4))" --set loss.pulse=2.5 --set data.folder=data/recorded "${run[@]}"
  held
  longform train autoencoder "$here/configs/autoencoder_mini_even.yaml" --set run.out=runs/even --set run.start_from=runs/adversarial \
    --set "run.steps=$even" --set "run.batch=$((batch / 16))" "${run[@]}"
  python3 "$here/tests/bench/average_parts.py" autoencoder runs/even 0.7 runs/adversarial runs/averaged
  python3 "$here/tests/bench/take_basis.py" runs/averaged mini data/recorded runs/autoencoder
}

songbook recorded 10 41 60 --no-stems --samples "$samples"
autoencoder > autoencoder.log 2>&1 &     # beside all that follows: its latents will be turned to those of `mini`
songbook stems 4 21 100
songbook long 2 22 285 --no-stems
songbook wide 14 42 100 --no-stems --samples "$samples"
songbook full 6 43 285 --no-stems
longform train encode mini data/stems pairs --pairs "$(python3 -c "print(int(976 * $hours) + 2)")"
longform train encode mini data/all latents
longform train dit "$here/configs/dit_mini_listen.yaml" --set run.out=runs/denoiser --set run.start_from=mini --set clap=mini \
  --set "run.steps=$denoiser" --set "run.batch=$batch" --set run.ema=0.999 --set run.optimisers.dit.lr=1.0e-3 \
  --set run.optimisers.dit.warmup_steps=50 --set logit_normal_share=0.7 --set logit_normal_mean=1.2 --set accompany.share=0.12 "${run[@]}"
taught=(--set teacher=runs/denoiser --set clap=mini --set "run.batch=$((batch / 2))" --set "run.steps=$student")
taught+=(--set run.compile=true --set run.ema=0.998 --set run.optimisers.student.kind=muon --set run.optimisers.student.lr=8.0e-4 "${run[@]}")
[ -d runs/moved ] || python3 "$here/tests/bench/move_student.py" "$here/configs/student_mini.yaml" mini runs/moved "${taught[@]}"
longform train student "$here/configs/student_mini.yaml" --set run.out=runs/student --set run.start_from=runs/moved "${taught[@]}"
longform train student "$here/configs/student_mini.yaml" --set run.out=runs/words --set student=runs/student --set words=0.8 --set tilt=3 \
  "${taught[@]}" --set "run.steps=$((student / 4))" --set run.optimisers.student.lr=1.0e-4
wait
longform bundle model --name mini --about "$here/configs/mini.yaml" --autoencoder runs/autoencoder --clap mini \
  --dit runs/denoiser --student runs/words --planner mini --eight-bit
