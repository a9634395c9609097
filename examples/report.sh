#!/bin/sh
# Turns the results in out/ into docs/results: a page for each example, with its pictures.
# usage: examples/report.sh [PAGES]
set -eu
cd "$(dirname "$0")/.."
pages=${1:-docs/results}

if ! command -v jq >/dev/null; then
    echo "report: jq cannot be run; its package is named jq" >&2
    exit 2
fi

# value NAME KEY [FILE]: what metrics.json of out/NAME says, or another file of it.
value() {
    file=out/$1/${3:-metrics.json}
    jq -r --arg key "$2" --arg file "$file" \
        'if has($key) then .[$key] else "report: \($file) has no \($key)\n" | halt_error end' "$file"
}

number() { # NAME KEY FORMAT [FACTOR]
    value "$1" "$2" | awk -v format="$3" -v factor="${4:-1}" '{ printf format, factor * $1 }'
}

percent() {
    number "$1" "$2" '%.2f %%' 100
}

# The command that made out/NAME, and how long it took.
command_of() {
    echo "\`build/bin/$(value "$1" command run.json)\`"
}

ran() {
    echo
    echo "$(command_of "$1") took $(value "$1" seconds run.json) s."
}

# picture NAME FILE TEXT: copies a picture and shows it.
picture() {
    target=$(echo "$1-$2" | tr / -)
    cp "out/$1/$2" "$pages/$target"
    echo "![$3]($target)"
}

# A table of Markdown from CSV: its columns given by number, their titles, and how fractions are
# written, other than small ones.
table() { # FILE COLUMNS TITLES FORMAT
    awk -F, -v columns="$2" -v titles="$3" -v format="$4" '
        function written(text) {
            if (text !~ /[.e]/ || text + 0 != text) return text
            return sprintf(text * text < 1e-6 ? "%.1e" : format, text)
        }
        BEGIN {
            n = split(columns, column, " ")
            split(titles, title, "|")
            for (i = 1; i <= n; i++) line = line "| " title[i] " "
            print line "|"
            for (i = 1; i <= n; i++) rule = rule "|---"
            print rule "|"
        }
        NR > 1 {
            line = ""
            for (i = 1; i <= n; i++) line = line "| " written($(column[i])) " "
            print line "|"
        }' "$1"
}

model_row() { # NAME TITLE
    runs=$(value "$1" runs)
    each=$(value "$1" seconds run.json | awk -v runs="$runs" '{ printf "%.0f s", $1 / runs }')
    echo "| $2 | $(percent "$1" test_accuracy) | $(percent "$1" test_accuracy_low) to" \
        "$(percent "$1" test_accuracy_high) | $runs | $each | $(command_of "$1") |"
}

digits_page() {
    cat <<EOF
# Digits

Parts 1 to 7 of the study, on the full MNIST ($(value digits/softmax train_images) training and
$(value digits/softmax test_images) test images), with $(value digits/train threads) threads and the
$(value digits/train isa) kernels.

## Accuracy on the test images

| model | test accuracy | 95 % interval | runs | time of one | command |
|---|---|---|---|---|---|
$(model_row digits/softmax "softmax regression, 784-10")
$(model_row digits/mlp "784-300-10 with ReLU")
$(model_row digits/cnn "two convolutions with pooling")

Trained on all 60,000 images, without a validation set: nothing was chosen by it. The interval is that
of Student's t over seeds. The time is that of everything: reading the data, training, and an
evaluation on all images after every epoch.

## Ten examples of each digit
$(ran digits/show)

$(picture digits/show digits.png "Ten rows of ten handwritten digits")

## The network o = Wᵀx + b on real images
$(ran digits/forward)

$(picture digits/forward forward.png "Six images with the probabilities that random weights give them")

W and b come from N(0, 0.1²). The probabilities sum to 1 within
$(number digits/forward sum_error %.1e); those of logits $(value digits/forward scale) times as large
within $(number digits/forward scaled_sum_error %.1e), where e^o / sum e^o without subtracting the
largest logit overflows for $(value digits/forward overflows_without_maximum) of
$(value digits/forward images) images.

## The gradient
$(ran digits/gradcheck)

$(table out/digits/gradcheck/entries.csv "1 2 3 4 5 6 7" "pixel|digit|autodiff|central difference|its error|forward difference|its error" %.9f)

Lines without a pixel are biases. All $(value digits/gradcheck checked) weights and biases agree with
central differences within $(number digits/gradcheck worst_error %.1e) of the largest derivative
($(value digits/gradcheck tolerance) allowed), and with (p - y) xᵀ written out by hand within
$(number digits/gradcheck formula_error %.1e).

## Gradient descent
$(ran digits/train)

$(picture digits/train curve.png "Loss and accuracy against the iteration")

All images in every step, $(value digits/train validation_images) training images held out:
$(percent digits/train test_accuracy) of the test images are recognised in the end.

$(picture digits/train weights.png "The weight of each pixel for each digit")

## Momentum
$(ran digits/compare)

$(picture digits/compare compare.png "Loss against the iteration, with and without momentum")

Iterations until a loss is reached, if it is reached in $(value digits/compare iterations):

$(table out/digits/compare/reach.csv "1 2 3 4" "loss|vanilla|momentum $(value digits/compare momentum)|speed-up" %.2f)

## The loss over two weights
$(ran digits/contour)

$(picture digits/contour valley.png "Contours of a narrow valley with two ways down")

$(value digits/contour valley_weights): the pair whose 2 x 2 Hessian has the largest condition number
among $(value digits/contour candidates) candidates, $(number digits/contour valley_condition %.1f).
With the learning rate $(number digits/contour valley_lr %.3g), 1 / the largest curvature, gradient
descent takes $(value digits/contour valley_vanilla_steps) steps and momentum
$(value digits/contour valley_momentum_steps).

$(picture digits/contour bowl.png "Contours of a round bowl with two ways down")

$(value digits/contour bowl_weights): the smallest, $(number digits/contour bowl_condition %.2f). Gradient
descent takes $(value digits/contour bowl_vanilla_steps) steps and momentum
$(value digits/contour bowl_momentum_steps).

## What backpropagation saves
$(ran digits/backprop-cost)

$(picture digits/backprop-cost cost.png "Time and multiply-adds of a gradient against the width")

The powers of the width with which the cost grows, fitted to the measured time, and as counted in
multiply-adds:

$(table out/digits/backprop-cost/growth.csv "1 2 3 5 6" "hidden layers|each weight by itself|counted|backpropagation|counted" %.2f)
EOF
}

face_row() { # NAME TITLE
    echo "| $2 | $(percent "$1" test_accuracy) | $(percent "$1" test_accuracy_low) to" \
        "$(percent "$1" test_accuracy_high) | $(value "$1" runs) | $(command_of "$1") |"
}

faces_page() {
    cat <<EOF
# Faces

Parts 8 and 9 of the study: a network with 20 hidden units, $(value faces/train network), on
$(value faces/train photographs) photographs of $(value faces/train persons) persons (FaceScrub), 20 of each
for the test, in $(value faces/train duplicate_groups) groups of near-duplicates that no split divides.
Photographs are not part of this repository; [faces.md](../faces.md) says how to get some.

| | test accuracy | 95 % interval | runs | command |
|---|---|---|---|---|
$(face_row faces/train "defaults")
$(face_row faces/control "control: labels permuted")
$(face_row faces/study "the study's setting")

Each run has a split of its own, so the interval holds what the choice of the test photographs does. The
study reported 79.2 % from one split; its setting learns 200 of the 450 photographs it could have learned.

$(picture faces/train curve.png "Loss and accuracy of training, validation and test photographs against the epoch")

$(picture faces/train confusion.png "Who was taken for whom in ten runs")

$(table out/faces/train/people.csv "1 2 3 4" "person|precision|recall|tests" %.3f)

## Faces that are drawn

Without photographs, $(command_of faces/generated) learns from faces drawn by formulas:
$(percent faces/generated test_accuracy) of the test faces are recognised. These are the hidden units that
matter most for each of the six, with the mean face in front:

$(picture faces/weights weights.png "Mean generated faces and the input weights of hidden units")
EOF
}

alexnet_page() {
    cat <<EOF
# AlexNet

Part 10 of the study: torchvision's pretrained AlexNet, and a network with 20 hidden units on what one of
its layers says to $(value alexnet/study photographs) photographs of $(value alexnet/study persons) persons,
20 of each for the test, in $(value alexnet/study duplicate_groups) groups of near-duplicates that no split
divides. Neither photographs nor weights are part of this repository; [alexnet.md](../alexnet.md) says how
to get some.

| | test accuracy | 95 % interval | runs | command |
|---|---|---|---|---|
$(face_row alexnet/study "the study's setting, conv5.relu, 256 x 13 x 13")
$(face_row alexnet/balance "the same, classes balanced")
$(face_row alexnet/control "control: images permuted")
$(face_row alexnet/sweep "best layer by validation, $(value alexnet/sweep best_layer)")

The study reported 100 % in training and about 60 % in the test, and blamed classes of different sizes for
the difference. Its features were reshaped so that each column held a stripe through all photographs; put
right, its setting recognises what the first line says. Balancing the classes changes that by less than
the interval is wide, so imbalance was not what was wrong. With permuted images nothing is recognised but
by chance, as it must be.

## From which layer
$(ran alexnet/sweep)

$(picture alexnet/sweep sweep.png "Validation and test accuracy of each layer")

$(table out/alexnet/sweep/sweep.csv "1 2 3 4 5" "layer|validation|test|from|to" %.3f)

## One convolution trained, too

$(command_of alexnet/finetune) recognises $(percent alexnet/finetune test_accuracy) of the test photographs in
one run: conv5 starts from torchvision's weights and is trained with the layers on top of it.

## The filters of the first layer
$(ran alexnet/filters)

$(picture alexnet/filters filters.png "64 filters of 11 x 11 pixels")

$(picture alexnet/study confusion.png "Who was taken for whom at the study's setting")
EOF
}

for part in filters study balance control sweep finetune; do
    if [ ! -f "out/alexnet/$part/run.json" ]; then
        echo "report: out/alexnet/$part has no results; make results needs data/alexnet_features.pth" \
            "and data/faces227" >&2
        exit 2
    fi
done

for part in train control study generated weights; do
    if [ ! -f "out/faces/$part/run.json" ]; then
        echo "report: out/faces/$part has no results; make results needs photographs in data/faces" >&2
        exit 2
    fi
done

for part in show forward gradcheck train compare contour backprop-cost softmax mlp cnn; do
    if [ ! -f "out/digits/$part/run.json" ]; then
        echo "report: out/digits/$part has no results; make results runs the examples" >&2
        exit 2
    fi
done
mkdir -p "$pages"
digits_page >"$pages/digits.md"
faces_page >"$pages/faces.md"
alexnet_page >"$pages/alexnet.md"
cat >"$pages/README.md" <<EOF
# Results

What the examples find. \`make results\` runs them, \`make report\` writes these pages.

- [Digits](digits.md): softmax regression and larger networks on MNIST
- [Faces](faces.md): a network with one hidden layer on photographs, and what its units see
- [AlexNet](alexnet.md): the same persons, from the layers of a pretrained network
EOF
