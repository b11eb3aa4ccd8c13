"""Reading IAM's validation lines: what each part adds, what confidence is worth, what harms.

    python -m benchmarks.lines.reading --model models/iam-lines.hwsk --data ../shared/data

The network is run once, and once for the versions of test-time augmentation; what it gives is kept
in --cache. Language model and lexicon are made of the training transcripts alone, without the
prompts that any validation line has. What is chosen or learnt from validation lines (weight of the
language model, errors of the recognizer, temperature) is learnt on half of the validation writers
for the other half.
"""

from __future__ import annotations

import hashlib
import time
import warnings
from datetime import date
from pathlib import Path

import click
import joblib
import numpy as np
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import GridSearchCV, GroupKFold

from benchmarks.shared.iam import SPLIT_SEED, load_greedy, load_split, prompt, spaced_punctuation
from hwsk.datasets import get_data_home, load_iam, load_iam_online
from hwsk.metrics import (
    bootstrap_interval,
    character_accuracy,
    character_error_rate,
    character_f1,
    character_precision,
    character_recall,
    expected_calibration_error,
    read_right,
    risk_coverage_curve,
    word_error_rate,
)
from hwsk.recognition import CTCDecoder, NgramLanguageModel, SpellingCorrector, TextNormalizer
from hwsk.recognition._spacing import quote_directions

VERSIONS = 4
WEIGHTS = [0.2, 0.4, 0.6, 0.8, 1.0]
HALVES = GroupKFold(2)


def posteriors(recognizer, prepared, versions, key, folder):
    """Log-probabilities, and the seconds that the network took for them; computed once."""
    file = folder / f"reading-{key}-{versions}.joblib"
    if not file.exists():
        start = time.process_time()
        recognizer.set_params(test_augmentations=versions)
        log_probs = recognizer.predict_log_proba(prepared)
        recognizer.set_params(test_augmentations=0)
        joblib.dump((log_probs, time.process_time() - start), file)
    return joblib.load(file)


def crossed(make, X, y, writers):
    """Readings of each half of the writers by an estimator that was fitted on the other half."""
    read = np.empty(len(y), object)
    for rows, others in HALVES.split(y, groups=writers):
        read[others] = make().fit(X[rows], y[rows]).predict(X[others])
    return read


def best_weight(decoder):
    """A search over the weight of the language model; a decoder learns nothing: any folds do."""
    return lambda: GridSearchCV(decoder, {"lm_weight": WEIGHTS}, cv=2)


def corrected(make_decoder, words, **params):
    """A corrector of what a decoder reads, which learns the decoder's errors."""

    class Fitted:  # the decoder is chosen on the same rows
        def fit(self, X, y):
            decoder = make_decoder().fit(X, y)
            decoder = getattr(decoder, "best_estimator_", decoder)
            self.corrector = SpellingCorrector(decoder, lexicon=words, cv="prefit", **params)
            self.corrector.fit(X, y)
            return self

        def predict(self, X):
            return self.corrector.predict(X)

    return Fitted


def report(name, y, read, writers):
    """Print a row of the table."""
    figures = []
    for metric in (character_error_rate, word_error_rate):
        low, high = bootstrap_interval(metric, y, read, groups=writers, random_state=0)
        figures.append(f"{metric(y, read):.4f} [{low:.4f}, {high:.4f}]")
    others = (character_accuracy, character_precision, character_recall, character_f1)
    shares = " ".join(f"{metric(y, read):.4f}" for metric in others)
    print(f"{name}: CER {figures[0]}, WER {figures[1]}, acc/prec/rec/F1 {shares}", flush=True)


def changes(before, after, true):
    """Shares of right words that were changed, and of wrong words that became right."""
    harmed, mended = [], []
    of_before, of_after = (read_right(true, read, unit="word") for read in (before, after))
    for a, b, right, now in zip(before, after, of_before, of_after, strict=True):
        assert len(right) == len(now)  # words are neither parted nor joined
        harmed += (np.array(a.split(), object) != np.array(b.split(), object))[right].tolist()
        mended += now[~right].tolist()
    return np.mean(harmed), np.mean(mended) if mended else 0.0


def print_confidence(recognizer, prepared, y, writers):
    """Calibration error before and after, and what the confidence of words is worth."""
    before, after, right, temperatures = [], [], [], []
    for rows, others in HALVES.split(y, groups=writers):
        recognizer.temperature_ = 1.0
        plain = recognizer.predict_details(prepared[others])
        recognizer.calibrate_temperature(prepared[rows], y[rows])
        temperatures.append(recognizer.temperature_)
        calibrated = recognizer.predict_details(prepared[others])
        before += plain
        after += calibrated
        right += read_right(y[others], [record["text"] for record in plain])
    recognizer.temperature_ = 1.0
    truth = np.concatenate(right)
    for name, records in (("before", before), ("after", after)):
        sure = [c["probability"] for record in records for c in record["characters"]]
        print(
            f"characters, {name} calibration: expected calibration error "
            f"{expected_calibration_error(truth, sure):.4f}; mean confidence {np.mean(sure):.4f}, "
            f"{truth.mean():.4f} of {len(truth)} right"
        )
    print("temperatures of the two halves: " + ", ".join(f"{t:.2f}" for t in temperatures))
    order = np.concatenate([others for _, others in HALVES.split(y, groups=writers)])
    words = [word for record in after for word in record["words"]]
    of_words = np.concatenate(read_right(y[order], [r["text"] for r in after], unit="word"))
    for name in ("mean", "minimum", "geometric_mean"):
        sure = [word[name] for word in words]
        auc, error = roc_auc_score(of_words, sure), expected_calibration_error(of_words, sure)
        print(
            f"words, by the {name} of their characters: ROC AUC {auc:.4f}, expected calibration "
            f"error {error:.4f}"
        )
    least = np.array([word["minimum"] for word in words])
    for limit in (0.0, 0.5, 0.7, 0.9):
        kept = least >= limit
        print(
            f"min_confidence={limit}: {kept.mean():.1%} of {len(words)} words kept, "
            f"{of_words[kept].mean():.1%} of them right"
        )


def print_coverage(name, y, decoder, X):
    """Character error rate of the lines read most surely."""
    records = decoder.fit(X).predict_details(X)
    read = [record["text"] for record in records]
    parts = []
    for kind in ("mean", "minimum", "geometric_mean"):
        sure = [record[kind] for record in records]
        coverage, risk, _ = risk_coverage_curve(y, read, sure)
        points = [risk[np.searchsorted(coverage, share - 1e-9)] for share in (1, 0.95, 0.9, 0.8)]
        parts.append(f"by {kind} " + " ".join(f"{point:.4f}" for point in points))
    print(f"{name}: CER at a coverage of 100, 95, 90, 80 % of the lines: " + "; ".join(parts))


def load_other(data):
    """IAM-OnDB, without a word about lines that lack ink or transcript."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return load_iam_online(f"{data}/iamondb")


def other_text(data, held_out):
    """Transcripts of IAM-OnDB, punctuated as IAM's, without the prompts that are held out."""
    lines = load_other(data)
    rows = zip(lines.text, lines.form, strict=True)
    return [spaced_punctuation(text) for text, form in rows if prompt(form) not in held_out]


def print_normalization(texts, data):
    """How much of text that is right the normalizer changes."""
    printed = [t for t in load_other(data).text if t]
    plain = TextNormalizer().transform(texts)
    print(
        f"TextNormalizer(): {np.mean(plain != texts):.4f} of {len(texts)} IAM transcripts changed"
    )
    same = TextNormalizer().transform(printed)
    apart = TextNormalizer(punctuation="apart").transform(printed)
    attached = TextNormalizer(punctuation="attached")
    loose = np.array([any(w in set('",.;:!?()') for w in text.split()) for text in same])
    once = attached.transform(printed)
    changed, back = once != same, attached.transform(apart) != once
    quotes = np.array(['"' in text for text in same])
    print(
        f"attached: of {len(same)} IAM-OnDB transcripts, which are punctuated as in print but for "
        f"clitics, {loose.mean():.4f} hold a mark that stands alone; of the others "
        f"{changed[~loose].mean():.4f} changed; apart, then attached: "
        f"{back[~loose & ~quotes].mean():.4f} of those without quotes changed, "
        f"{back[~loose & quotes].mean():.4f} of those with quotes"
    )


def print_quotes(data):
    """Print how many straight quotation marks of IAM `detokenize` attaches to the wrong side.

    In a form, read from its first line, they open and close in turn; forms with an odd number of
    them are left out.
    """
    lines = load_iam(f"{data}/iam", level="line", segmentation="all")
    forms = {}
    for form, text in zip(lines.form, lines.text, strict=True):
        forms.setdefault(form, []).append(text.split())
    count = wrong = 0
    for texts in forms.values():
        if sum(words.count('"') for words in texts) % 2:
            continue
        opens = True
        for words in texts:
            for is_opening in quote_directions(words, '"').values():
                wrong += is_opening != opens
                count += 1
                opens = not opens
    print(f"quotation marks of IAM: {count}, {wrong} attached to the wrong side")


@click.command()
@click.option("--model", type=click.Path(exists=True, path_type=Path), required=True)
@click.option("--data", type=click.Path(exists=True), required=True)
@click.option("--cache", type=click.Path(path_type=Path), help="Where posteriors are kept.")
def main(model: Path, data: str, cache: Path | None) -> None:
    """Print all figures."""
    folder = cache or get_data_home() / "cache"
    folder.mkdir(parents=True, exist_ok=True)
    key = hashlib.sha256(model.read_bytes()).hexdigest()[:16]
    bunch, train, valid = load_split(data)
    y, writers = bunch.text[valid], bunch.writer[valid]
    held_out = {prompt(form) for form in bunch.form[valid]}
    texts = [bunch.text[row] for row in train if prompt(bunch.form[row]) not in held_out]
    assert not set(texts) & set(y)
    words = " ".join(texts).split()
    print(
        f"{date.today()} {model.name} ({key}), one thread; {len(y)} validation lines of "
        f"{len(set(writers))} writers (split seed {SPLIT_SEED}); {len(texts)} training transcripts "
        f"of other prompts, {len(words)} words, {len(set(words))} different"
    )
    reader = load_greedy(model)
    recognizer = reader[-1]
    prepared = reader[:-1].transform(bunch.images[valid])
    plain, seconds = posteriors(recognizer, prepared, 0, key, folder)
    several, seconds_of_several = posteriors(recognizer, prepared, VERSIONS, key, folder)
    print(
        f"the network: {1000 * seconds / len(y):.1f} ms a line, with test_augmentations={VERSIONS} "
        f"{1000 * seconds_of_several / len(y):.1f}"
    )
    greedy = CTCDecoder(recognizer.alphabet_, method="greedy")
    beam = CTCDecoder(recognizer.alphabet_, language_model=NgramLanguageModel().fit(texts))
    in_lexicon = CTCDecoder(recognizer.alphabet_, lexicon=sorted(set(words)))
    more = other_text(data, held_out)
    wider = CTCDecoder(recognizer.alphabet_, language_model=NgramLanguageModel().fit(texts + more))
    start = time.process_time()
    search = GridSearchCV(beam, {"lm_weight": WEIGHTS}, cv=2).fit(plain, y)
    print(
        f"a pass of the network over all lines: {seconds:.1f} s; GridSearchCV over {len(WEIGHTS)} "
        f"values of lm_weight on its output: {time.process_time() - start:.1f} s, no pass; "
        f"{search.best_params_}"
    )
    systems = {
        "greedy": (lambda: greedy, plain),
        "+ test-time augmentation": (lambda: greedy, several),
        "+ language model": (best_weight(beam), plain),
        f"+ language model, also of {len(more)} transcripts of IAM-OnDB (of the same corpus: it "
        "flatters)": (best_weight(wider), plain),
        "+ lexicon": (lambda: in_lexicon, plain),
        "+ correction": (corrected(lambda: greedy, words), plain),
        "+ augmentation, correction": (corrected(lambda: greedy, words), several),
        "+ augmentation, language model": (best_weight(beam), several),
        "+ language model, correction": (corrected(best_weight(beam), words), plain),
    }
    read = {}
    for name, (make, X) in systems.items():
        read[name] = crossed(make, X, y, writers)
        report(name, y, read[name], writers)
    for before, after in (
        ("greedy", "+ correction"),
        ("+ language model", "+ language model, correction"),
    ):
        harmed, mended = changes(read[before], read[after], y)
        print(
            f"{after}: {harmed:.4f} of the words that were right before are changed, {mended:.4f} "
            "of the wrong ones mended"
        )
    for margin in (2.0, 4.0, 6.0):
        right = np.empty(len(y), object)
        for rows, others in HALVES.split(y, groups=writers):
            corrector = SpellingCorrector(lexicon=words, min_gain=margin)
            corrector.fit(greedy.fit(plain[rows]).predict(plain[rows]), y[rows])
            right[others] = corrector.predict(y[others])
        print(
            f"the transcripts themselves, with these errors expected and no confidence, margin "
            f"{margin}: {changes(y, right, y)[0]:.4f} of the words changed"
        )
    print_normalization(y, data)
    print_quotes(data)
    print_confidence(recognizer, prepared, y, writers)
    print_coverage("greedy", y, greedy, plain)
    print_coverage("+ augmentation", y, greedy, several)
    print_coverage("+ language model", y, search.best_estimator_, plain)


if __name__ == "__main__":
    main()
