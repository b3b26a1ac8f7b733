"""Faults that a person could make, each with the tests nearest to it. `__main__.py` plants them, one at a time.

The old text must stand in its file exactly once: a test in the fast tier sees to it, so that this table cannot rot.
"""

from __future__ import annotations

from typing import NamedTuple


class Fault(NamedTuple):
    """One fault.

    Attributes:
        what: it is, in words.
        file: that it is made in.
        old, new: what becomes what.
        near: the tests nearest to it, under tests/.
    """

    what: str
    file: str
    old: str
    new: str
    near: tuple[str, ...]


MODEL = [
    Fault(
        "rows of psi do not turn with the basis",
        "isotropic/axes.py",
        '        (f"{here}.psi", -1),\n',
        "",
        ("isotropic/test_axes.py", "isotropic/properties/test_rotation.py"),
    ),
    Fault(
        "a basis transposed",
        "isotropic/axes.py",
        "return (flat @ basis)",
        "return (flat @ basis.mT)",
        ("isotropic/test_axes.py",),
    ),
    Fault(
        "a sign in the slope of the gain in float32",
        "isotropic/activations.py",
        "addcmul_(g, g, value=-1)",
        "addcmul_(g, g, value=1)",
        ("isotropic/networks/test_activation.py", "isotropic/properties/test_backward.py"),
    ),
    Fault(
        "a coefficient of the series near zero",
        "isotropic/activations.py",
        "(1, -1 / 3, 2 / 15, -17 / 315",
        "(1, -1 / 3, 2 / 5, -17 / 315",
        ("isotropic/networks/test_activation.py",),
    ),
    Fault(
        "alpha mixes the wrong way round",
        "isotropic/networks/activation.py",
        "g = share / scale + (1 - share) * g",
        "g = share / scale * g + (1 - share)",
        ("isotropic/networks/test_activation.py", "isotropic/properties/test_depth.py"),
    ),
    Fault(
        "half precisions are not widened",
        "isotropic/networks/activation.py",
        "return t.to(torch.promote_types(t.dtype, torch.float32))",
        "return t",
        ("isotropic/networks/test_precision.py",),
    ),
    Fault(
        "vectors whose squares overflow are not scaled",
        "isotropic/networks/activation.py",
        "u = wide * scale",
        "u, scale = wide, torch.ones_like(scale)",
        ("isotropic/networks/test_precision.py",),
    ),
    Fault(
        "a saved state does not bring its decay of psi",
        "isotropic/networks/network.py",
        'self.psi_decay = known["psi_decay"]',
        'float(known["psi_decay"])',
        ("isotropic/networks/test_states.py",),
    ),
    Fault(
        "images are flattened unasked",
        "isotropic/networks/inputs.py",
        "if flatten and x.ndim > 1 else x",
        "if x.ndim > 1 else x",
        ("isotropic/networks/test_inputs.py",),
    ),
    Fault(
        "the penalty on psi is not squared",
        "isotropic/networks/base.py",
        "affine.psi.square().flatten",
        "affine.psi.abs().flatten",
        ("isotropic/networks/test_network.py", "isotropic/training/test_gradient.py"),
    ),
    Fault(
        "a running variance is biased",
        "isotropic/normalise/whitening.py",
        '"variance", variance * (len(x) / (len(x) - 1))',
        '"variance", variance',
        ("isotropic/normalise/test_normalisers.py", "isotropic/properties/test_normalisers.py"),
    ),
    Fault(
        "the gradient of an inverse root has the wrong sign",
        "isotropic/normalise/whitening.py",
        "f = -1 / (root",
        "f = 1 / (root",
        ("isotropic/normalise/test_normalisers.py", "isotropic/properties/test_normalisers.py"),
    ),
    Fault(
        "a batch is divided by its largest norm",
        "isotropic/normalise/normalisers.py",
        "torch.linalg.vector_norm(x, dim=-1).mean()",
        "torch.linalg.vector_norm(x, dim=-1).amax()",
        ("isotropic/normalise/test_normalisers.py", "isotropic/properties/test_normalisers.py"),
    ),
    Fault(
        "the mean along m stays",
        "isotropic/normalise/normalisers.py",
        "beside = x - (x @ m)[:, None] * m",
        "beside = x",
        ("isotropic/normalise/test_normalisers.py", "isotropic/properties/test_normalisers.py"),
    ),
    Fault(
        "a covariance in use is unbiased",
        "isotropic/normalise/whitening.py",
        "covariance = beside.mT @ beside / len(x)",
        "covariance = beside.mT @ beside / (len(x) - 1)",
        ("isotropic/normalise/test_normalisers.py", "isotropic/properties/test_normalisers.py"),
    ),
    Fault(
        "psi does not decay",
        "isotropic/networks/treatment.py",
        'return self.psi_decay if self.compensation == "trainable+decay" else 0.0',
        "return 0.0",
        ("isotropic/networks/test_network.py",),
    ),
    Fault(
        "a member of an ensemble is another's padding",
        "isotropic/networks/ensemble.py",
        '"weight": (widths[index + 1], widths[index])',
        '"weight": (self.widths[index + 1], widths[index])',
        ("isotropic/networks/test_ensemble.py", "isotropic/properties/test_ensembles.py"),
    ),
    Fault(
        "lengths are held of the members that train them",
        "isotropic/networks/ensemble.py",
        "torch.where(mask, t.detach(), old, out=t.data)",
        "torch.where(mask, old, t.detach(), out=t.data)",
        ("isotropic/networks/test_ensemble.py", "unit/training/test_engine.py"),
    ),
    Fault(
        "a nested network multiplies by the gain instead of dividing",
        "isotropic/networks/nested.py",
        "fill_diagonal_(float(1 / g))",
        "fill_diagonal_(float(g))",
        ("isotropic/properties/test_nesting.py",),
    ),
    Fault(
        "a diagonal map forgets psi",
        "isotropic/networks/sparse.py",
        "            h = torch.addcmul(h, g, self.psi)\n",
        "            h = h + 0\n",
        ("isotropic/surgery/test_sparsify.py",),
    ),
]

SURGERY = [
    Fault(
        "second moments turn as first moments do",
        "isotropic/surgery/carried.py",
        '"exp_avg_sq": 2, "max',
        '"exp_avg_sq": 1, "max',
        ("isotropic/surgery/test_carried.py",),
    ),
    Fault(
        "a moment that is not carried (amsgrad)",
        "isotropic/surgery/carried.py",
        '_UNCHANGED = {"step"}',
        '_UNCHANGED = {"step", "max_exp_avg_sq"}',
        ("isotropic/surgery/test_carried.py", "isotropic/surgery/test_widths.py"),
    ),
    Fault(
        "the optimiser keeps the old parameters",
        "isotropic/surgery/carried.py",
        "[replaced.get(id(p), p) for p in group",
        "[p for p in group",
        ("isotropic/surgery/test_carried.py",),
    ),
    Fault(
        "the length gains the bias, not its square",
        "isotropic/surgery/removal.py",
        "squares.log()",
        "squares.sqrt().log()",
        ("isotropic/surgery/test_widths.py", "isotropic/properties/test_pruning.py"),
    ),
    Fault(
        "psi is corrected with the wrong sign",
        "isotropic/surgery/removal.py",
        "+ net.has_psi[..., None] * residue",
        "- net.has_psi[..., None] * residue",
        ("isotropic/surgery/test_widths.py", "isotropic/properties/test_pruning.py"),
    ),
    Fault(
        "the mean gain of compensation `expectation` is left out",
        "isotropic/surgery/removal.py",
        "share = net.expects[..., None] * gain",
        "share = net.expects[..., None] * torch.ones_like(gain)",
        ("isotropic/surgery/test_widths.py", "isotropic/properties/test_pruning.py"),
    ),
    Fault(
        "columns of another size than the paper's",
        "isotropic/surgery/columns.py",
        "SCAFFOLD_DEVIATION = 0.01",
        "SCAFFOLD_DEVIATION = 0.1",
        ("isotropic/surgery/test_columns.py",),
    ),
    Fault(
        "one scaffold neuron too many",
        "isotropic/surgery/policy.py",
        "change = scaffold - int(",
        "change = scaffold + 1 - int(",
        ("isotropic/surgery/test_policy.py",),
    ),
    Fault(
        "changes of widths are returned from the output to the input",
        "isotropic/surgery/policy.py",
        "return changes[::-1]",
        "return changes",
        ("isotropic/surgery/test_policy.py",),
    ),
    Fault(
        "singular vectors in ascending order",
        "isotropic/surgery/diagonalise.py",
        "return vectors.flip(-1), squares",
        "return vectors, squares",
        ("isotropic/surgery/test_diagonalise.py",),
    ),
    Fault(
        "new columns are drawn after the rotation, whose basis is arbitrary",
        "isotropic/surgery/widths.py",
        "        rotate_left(carried)\n        carried.append(count, drawn)",
        "        rotate_left(carried)\n        drawn = new_columns(carried, columns, count, generator)\n"
        "        carried.append(count, drawn)",
        ("isotropic/surgery/test_widths.py", "isotropic/surgery/test_columns.py"),
    ),
    Fault(
        "importance by gradient keeps its sign",
        "isotropic/surgery/choice.py",
        "* directions).sum(-1).abs()",
        "* directions).sum(-1)",
        ("isotropic/surgery/test_policy.py", "isotropic/properties/test_correction.py"),
    ),
    Fault(
        "a correction predicts from the wrong block of the covariance",
        "isotropic/surgery/correction.py",
        "covariance[..., -count:, :-count]",
        "covariance[..., :-count, -count:].mT * 2",
        ("isotropic/properties/test_correction.py",),
    ),
    Fault(
        "grown from the right, the length is kept whole",
        "isotropic/surgery/backward.py",
        "log_o - math.log(2)",
        "log_o",
        ("isotropic/properties/test_backward.py",),
    ),
    Fault(
        "a stacked network gets the moments of the first",
        "isotropic/surgery/restack.py",
        "return t[k][tuple(",
        "return t[0][tuple(",
        ("isotropic/surgery/test_restack.py",),
    ),
    Fault(
        "neighbouring maps made diagonal",
        "isotropic/surgery/sparsify.py",
        "range(2, depth, 2)",
        "range(2, depth, 1)",
        ("isotropic/surgery/test_sparsify.py",),
    ),
    Fault(
        "copies of a neuron are not divided by their number",
        "isotropic/surgery/elementwise.py",
        "share = 1 / copies.gather(-1, g)",
        "share = torch.ones_like(copies.gather(-1, g))",
        ("isotropic/properties/test_elementwise_growing.py",),
    ),
    Fault(
        "a triangular map keeps its lower half",
        "isotropic/surgery/sparsify.py",
        "triangle.triu().to(",
        "triangle.tril().to(",
        ("isotropic/properties/test_joint.py",),
    ),
]

TRAINING = [
    Fault(
        "the gradient forgets what psi adds through the gain",
        "isotropic/training/gradient.py",
        "                c.baddbmm_(d, affine.column)\n",
        "",
        ("isotropic/training/test_gradient.py",),
    ),
    Fault(
        "a factor of the gradient of the intrinsic length",
        "isotropic/training/gradient.py",
        ".mul_(self._o).div_(2)",
        ".mul_(self._o)",
        ("isotropic/training/test_gradient.py",),
    ),
    Fault(
        "the gradient of psi without its decay",
        "isotropic/training/gradient.py",
        "decay = 2 * net.psi_decay",
        "decay = 0 * net.psi_decay",
        ("isotropic/training/test_gradient.py",),
    ),
    Fault(
        "the last, shorter batch counts as a whole one",
        "pipeline/training/epochs.py",
        "alpha=chosen.shape[1])",
        "alpha=self._size)",
        ("unit/training/test_epochs.py", "unit/training/test_engine.py"),
    ),
    Fault(
        "steps of warming up are taken twice on a GPU",
        "pipeline/training/epochs.py",
        "            left -= _WARM_UP\n",
        "",
        ("unit/training/test_epochs.py",),
    ),
    Fault(
        "one epoch too few",
        "pipeline/training/engine.py",
        "phase.each(range(epochs + 1))",
        "phase.each(range(epochs))",
        ("unit/training/test_engine.py",),
    ),
    Fault(
        "every epoch in the same order",
        "pipeline/training/engine.py",
        '"order", number))',
        '"order"))',
        ("unit/training/test_engine.py",),
    ),
    Fault(
        "a checkpoint without moments",
        "pipeline/training/checkpoint.py",
        "{name: dict(optimiser.state.get(p, {})) for name, p in networks.named_parameters()}",
        "{name: {} for name, p in networks.named_parameters()}",
        ("properties/test_resume.py",),
    ),
    Fault(
        "a checkpoint in the middle of an epoch begins the next in its middle",
        "pipeline/training/checkpoint.py",
        "self._done, self._part, self._total = self._done + 1, 0, None",
        "self._done, self._total = self._done + 1, None",
        ("unit/training/test_engine.py", "properties/test_resume.py"),
    ),
    Fault(
        "the divergence of Kullback and Leibler the wrong way round",
        "isotropic/training/measures.py",
        "kl_div(log_q, log_p,",
        "kl_div(log_p, log_q,",
        ("isotropic/training/test_measures.py",),
    ),
    Fault(
        "accuracy along the wrong axis",
        "isotropic/training/measures.py",
        "(z.argmax(-1) == labels).double().mean(-1)",
        "(z.argmax(-1) == labels).double().mean(0)",
        ("isotropic/training/test_measures.py",),
    ),
    Fault(
        "a network that diverged keeps its moments",
        "pipeline/training/divergence.py",
        "[*ensemble.tensors().values(), *moments]",
        "[*ensemble.tensors().values()]",
        ("unit/training/test_divergence.py",),
    ),
    Fault(
        "no weight decay",
        "pipeline/training/optimiser.py",
        "weight_decay=settings.weight_decay, fused=True",
        "weight_decay=0.0, fused=True",
        ("unit/training/test_optimiser.py", "unit/training/test_engine.py"),
    ),
    Fault(
        "tasks share one order of samples",
        "pipeline/training/tasks.py",
        "[(*name, each.name) for name in streams]",
        "[tuple(name) for name in streams]",
        ("unit/training/test_task_training.py",),
    ),
]

DATA = [
    Fault(
        "standardised with the test images",
        "pipeline/data/dataset.py",
        "standardisation(train.images)",
        "standardisation(torch.cat([train.images, test.images]))",
        ("unit/data/test_dataset.py", "unit/data/test_batches.py"),
    ),
    Fault(
        "a sign in the shift",
        "pipeline/data/batches.py",
        "(-self.dataset.mean * inverse)",
        "(self.dataset.mean * inverse)",
        ("unit/data/test_batches.py",),
    ),
    Fault(
        "a pixel that never varies is divided by nothing",
        "pipeline/data/standardise.py",
        "deviation.masked_fill(constant, GREY_LEVELS)",
        "deviation",
        ("unit/data/test_standardise.py",),
    ),
    Fault(
        "tasks are cut to their first images, in the order of their classes",
        "pipeline/data/tasks.py",
        "draw[: lengths[part]].sort()",
        "torch.arange(lengths[part]).sort()",
        ("unit/data/test_tasks.py",),
    ),
    Fault(
        "a division that is not stratified",
        "pipeline/data/divide.py",
        "stratify=labels if stratified else None",
        "stratify=None",
        ("unit/data/test_folder.py", "unit/data/test_sources.py"),
    ),
    Fault(
        "classes in the order of the file system",
        "pipeline/data/folder.py",
        'classes = sorted(path for path in folder.iterdir() if path.is_dir() and not path.name.startswith("."))',
        'classes = [path for path in folder.iterdir() if path.is_dir() and not path.name.startswith(".")][::-1]',
        ("unit/data/test_folder.py",),
    ),
    Fault(
        "EMNIST's letters stay mirrored",
        "pipeline/data/vision.py",
        "_flat(images[kept].mT)",
        "_flat(images[kept])",
        ("unit/data/test_vision.py",),
    ),
    Fault(
        "the checksum is not of the labels",
        "pipeline/data/dataset.py",
        '        "train_labels": dataset.train.labels,\n',
        "",
        ("unit/data/test_dataset.py",),
    ),
]

EXPERIMENTS = [
    Fault(
        "repeats share their random streams",
        "pipeline/experiments/plan/work.py",
        "[(experiment, data, member.repeat) for",
        "[(experiment, data) for",
        ("properties/test_streams.py",),
    ),
    Fault(
        "each change of width begins where the one before ended",
        "pipeline/experiments/invariance.py",
        "self.data.test.labels, copy.deepcopy(self.trained)",
        "self.data.test.labels, self.trained",
        ("unit/experiments/test_invariance.py",),
    ),
    Fault(
        "diagonalisation alone is not measured",
        "pipeline/experiments/invariance.py",
        ".each([0, *settings.changes])",
        ".each([*settings.changes])",
        ("unit/experiments/test_invariance.py", "unit/experiments/test_courses.py"),
    ),
    Fault(
        "rows of networks that diverged",
        "pipeline/experiments/plan/observations.py",
        "                if going:\n",
        "                if True:\n",
        ("unit/training/test_divergence.py", "unit/experiments/test_task_schedule.py"),
    ),
    Fault(
        "an off-by-one in the schedule of tasks",
        "pipeline/experiments/task_schedule.py",
        "for _ in range(phase.epochs)][epoch - 1]",
        "for _ in range(phase.epochs)][epoch - 2]",
        ("unit/experiments/test_task_schedule.py",),
    ),
    Fault(
        "an off-by-one in the schedule of widths",
        "pipeline/experiments/abundance.py",
        "target = settings.scheduled(start, end, epoch.number + 1)",
        "target = settings.scheduled(start, end, epoch.number)",
        ("unit/experiments/test_abundance.py",),
    ),
    Fault(
        "branches go on with the optimiser of the trunk",
        "pipeline/experiments/width_transitions.py",
        "branch, branch_descent = copy.deepcopy((ensemble, descent))",
        "branch, branch_descent = copy.deepcopy(ensemble), descent",
        ("unit/experiments/test_width_transitions.py",),
    ),
    Fault(
        "what is left is called what is removed",
        "pipeline/experiments/sparsification.py",
        '"percent_removed": 100 * (1 - left / present)',
        '"percent_removed": 100 * (left / present)',
        ("unit/experiments/test_sparsification.py",),
    ),
    Fault(
        "the estimate rounds steps down",
        "pipeline/experiments/plan/__init__.py",
        "steps = -(-size.train // self.batch_size)",
        "steps = size.train // self.batch_size",
        ("unit/experiments/test_courses.py",),
    ),
]

EXECUTION = [
    Fault(
        "a result is believed of other data",
        "pipeline/execution/jobs.py",
        '            "data": self.checksums,\n',
        "",
        ("unit/execution/test_jobs.py",),
    ),
    Fault(
        "the identity of a job leaves the code out",
        "pipeline/execution/jobs.py",
        '            "code": sources.digest(self.experiment),\n',
        "",
        ("unit/execution/test_jobs.py",),
    ),
    Fault(
        "what is altered is believed",
        "pipeline/execution/store.py",
        'b"\\n" and digest == _digest(content)',
        'b"\\n"',
        ("unit/execution/test_store.py",),
    ),
    Fault(
        "the rows are kept before the networks, so that a kill between loses these",
        "pipeline/execution/jobs.py",
        "return None if content is None or self.kept(store) is None else rows.from_bytes(content)",
        "return None if content is None else rows.from_bytes(content)",
        ("unit/execution/test_jobs.py",),
    ),
    Fault(
        "memory of one network, not of all that are stacked",
        "pipeline/execution/planned.py",
        "networks = shape.members * shape.parameters * (4 * 4 + _COPIES)",
        "networks = shape.parameters * (4 * 4 + _COPIES)",
        ("unit/execution/test_checks.py", "unit/execution/test_estimate.py"),
    ),
    Fault(
        "a batch may be larger than the data",
        "pipeline/execution/checks.py",
        "if settings.batch_size > size.train:",
        "if settings.batch_size > size.train + 1:",
        ("unit/execution/test_checks.py",),
    ),
]

RESULTS = [
    Fault(
        "an interval with the wrong n",
        "pipeline/results/statistics.py",
        'np.sqrt(table["n"])',
        'np.sqrt(table["n"] - 1)',
        ("unit/results/test_statistics.py",),
    ),
    Fault(
        "a difference that is not paired",
        "pipeline/results/statistics.py",
        'both["value_a"] - both["value_b"])',
        'both["value_a"] - both["value_b"].mean())',
        ("unit/results/test_statistics.py",),
    ),
    Fault(
        "what is not finite is left out in silence",
        "pipeline/results/statistics.py",
        '    table.loc[table["known"] < table["n"], ["mean", "sd"]] = np.nan\n',
        "",
        ("unit/results/test_statistics.py",),
    ),
    Fault(
        "one of several comparisons may fail",
        "pipeline/results/claims/base.py",
        "if any(failed):",
        "if all(list(failed) or [False]):",
        ("unit/results/claims/test_base.py",),
    ),
    Fault(
        "the threshold of a verdict reversed",
        "pipeline/results/claims/timing.py",
        "share.high < CHEAP for",
        "share.high > CHEAP for",
        ("unit/results/claims/test_timing.py",),
    ),
    Fault(
        "an estimate is judged, not its interval",
        "pipeline/results/claims/invariance.py",
        "(ratio.high < 1 for ratio",
        "(ratio.estimate < 1 for ratio",
        ("unit/results/claims/test_invariance.py",),
    ),
    Fault(
        "standard minus isotropic",
        "pipeline/results/claims/tanh_comparison.py",
        'differences(accuracy, isotropic, STANDARD, ["data", "network"])',
        'differences(accuracy, STANDARD, isotropic, ["data", "network"])',
        ("unit/results/claims/test_tanh_comparison.py",),
    ),
    Fault(
        "growth from its end to its start",
        "pipeline/results/claims/task_schedule.py",
        "widths.loc[end].to_numpy(dtype=float) / widths.loc[start].to_numpy(dtype=float)",
        "widths.loc[start].to_numpy(dtype=float) / widths.loc[end].to_numpy(dtype=float)",
        ("unit/results/claims/test_task_schedule.py",),
    ),
    Fault(
        "with one repeat that diverged all are left out",
        "pipeline/results/divergence.py",
        'NETWORK = [*CONFIGURATION, "repeat"]',
        "NETWORK = [*CONFIGURATION]",
        ("unit/results/test_divergence.py",),
    ),
]

REPORTING = [
    Fault(
        "a heading is not escaped in HTML",
        "pipeline/reporting/tables.py",
        'colspan="{span}">{escape(group.heading)}</th>',
        'colspan="{span}">{group.heading}</th>',
        ("unit/reporting/test_tables.py",),
    ),
    Fault(
        "an underscore is not escaped in LaTeX",
        "pipeline/reporting/latex.py",
        '"&%$#_{}"',
        '"&%$#{}"',
        ("unit/reporting/test_tables.py",),
    ),
    Fault(
        "a figure with the time of its making in it",
        "pipeline/reporting/figures.py",
        ', metadata={"Date": None})',
        ")",
        ("unit/reporting/test_figures.py",),
    ),
    Fault(
        "a name with a quotation mark breaks out of the drawing's label",
        "pipeline/reporting/svg.py",
        "{escape(label)}",
        "{label}",
        ("unit/reporting/test_report.py", "unit/reporting/test_figures.py"),
    ),
    Fault(
        "bounds without their sign",
        "pipeline/reporting/numbers.py",
        '_minus(f"{value:+z.{decimals}f}{bounds}")',
        '_minus(f"{value:z.{decimals}f}{bounds}")',
        ("unit/reporting/test_numbers.py", "unit/reporting/test_tables.py"),
    ),
    Fault(
        "a number of JSON that is none",
        "pipeline/reporting/headlines.py",
        "return round(float(value), digits) if math.isfinite(value) else None",
        "return round(float(value), digits)",
        ("unit/results/test_divergence.py",),
    ),
    Fault(
        "the last epoch has no picture",
        "pipeline/reporting/frames.py",
        "np.linspace(0, len(epochs) - 1, most)",
        "np.linspace(0, len(epochs) - 1, most, endpoint=False)",
        ("unit/tracking/test_images.py",),
    ),
]

TRACKING = [
    Fault(
        "a run that was cut off counts as whole",
        "pipeline/tracking/store.py",
        'stored.info.status == "FINISHED" and ',
        "",
        ("unit/tracking/test_publish.py",),
    ),
    Fault(
        "published twice",
        "pipeline/tracking/store.py",
        "copies = stored.pop(run.key, [])",
        "copies = []",
        ("unit/tracking/test_publish.py",),
    ),
    Fault(
        "the lock of the store is another one in each process",
        "pipeline/tracking/connection.py",
        'beside.with_name(f"{beside.name}.lock")',
        'beside.with_name(f"{beside.name}.{os.getpid()}.lock")',
        ("unit/tracking/test_failures.py",),
    ),
    Fault(
        "a password is printed",
        "pipeline/tracking/connection.py",
        'return re.sub(r"//[^/@]*@", "//", uri)',
        "return uri",
        ("unit/tracking/test_stages.py",),
    ),
    Fault(
        "numbers that sort as text",
        "pipeline/tracking/metrics.py",
        "return str(number).zfill(len(str(largest)))",
        "return str(number)",
        ("unit/tracking/test_runs.py",),
    ),
    Fault(
        "changes of width are steps of time",
        "pipeline/tracking/metrics.py",
        "several & ~adapted & ~stopped",
        "(several | adapted) & ~stopped",
        ("unit/tracking/test_runs.py", "unit/tracking/test_publish.py"),
    ),
]

AROUND = [
    Fault(
        "a key that is not known is passed over",
        "pipeline/config.py",
        'ConfigDict(extra="forbid"',
        'ConfigDict(extra="ignore"',
        ("unit/test_broken_profiles.py",),
    ),
    Fault(
        "a key that is required has a value of its own",
        "pipeline/config.py",
        "    learning_rate: float = Field(gt=0)\n",
        "    learning_rate: float = Field(default=1e-3, gt=0)\n",
        ("properties/test_malformed.py::test_every_key_but_those_that_are_optional_is_required",),
    ),
    Fault(
        "names of streams that run together",
        "pipeline/seeds.py",
        '"".join(f"{len(str(name))}:{name}" for name in names)',
        '"".join(str(name) for name in names)',
        ("unit/test_seeds.py",),
    ),
    Fault(
        "seeds that differ from process to process",
        "pipeline/seeds.py",
        'return int.from_bytes(digest, "big") >> 1',
        "return hash(text) & (2**63 - 1)",
        ("unit/test_seeds.py",),
    ),
    Fault(
        "a file is written in place",
        "pipeline/paths.py",
        "        beside.replace(path)\n",
        "        path.write_bytes(beside.read_bytes())\n",
        ("unit/test_paths.py",),
    ),
    Fault(
        "a key that is there twice is overwritten",
        "pipeline/yaml_file.py",
        "            if key.value in lines:\n",
        "            if False:\n",
        ("properties/test_malformed.py::test_a_key_that_is_there_twice_is_refused",),
    ),
    Fault(
        "an experiment may be run twice at once",
        "stages/alone.py",
        "        with FileLock(path, timeout=0):\n",
        "        if FileLock(path, timeout=0):\n",
        ("unit/test_alone.py",),
    ),
    Fault(
        "a wrong input ends with status 0",
        "stages/cli.py",
        "file=sys.stderr)\n        raise SystemExit(1) from None\n    except KeyboardInterrupt",
        "file=sys.stderr)\n        raise SystemExit(0) from None\n    except KeyboardInterrupt",
        ("unit/test_fetch_stage.py",),
    ),
    Fault(
        "a data set that must be there may be absent",
        "stages/fetch.py",
        "if not known[name].optional:",
        "if known[name].optional:",
        ("unit/test_fetch_stage.py",),
    ),
    Fault(
        "headline numbers are not written",
        "stages/analyse.py",
        "    write_json(headlines(name, table), paths.metrics(profile, name))\n",
        "",
        ("unit/test_stages.py",),
    ),
    Fault(
        "the rows of a run in the order in which its jobs ended",
        "stages/run.py",
        "*(tables[job.key] for job in prepared.jobs)]",
        "*tables.values()]",
        ("unit/test_stages.py",),
    ),
    Fault(
        "DVC is not told that an analysis depends on settings",
        "dvc.yaml",
        "      params: # of which some change what is shown, and no row\n"
        "        - profiles/${profile}.yaml:\n"
        "            - experiments.${key}\n",
        "",
        ("unit/test_sources.py",),
    ),
    Fault(
        "the list of what makes a result leaves the seeds out",
        "pipeline/sources.py",
        '"profile", "seeds"),',
        '"profile"),',
        ("unit/test_sources.py",),
    ),
    Fault(
        "an entry that matches no file is passed over",
        "pipeline/sources.py",
        "        if not paths:\n",
        "        if False:\n",
        ("unit/test_sources.py",),
    ),
    Fault(
        "a data set whose file is gone counts as there",
        "pipeline/data/facts.py",
        "    if not path.is_file():\n",
        "    if False:\n",
        ("unit/execution/test_jobs.py", "unit/execution/test_checks.py"),
    ),
    Fault(
        "a weight stepped alone is stepped again with the others",
        "isotropic/training/step.py",
        "if id(p) not in kept]",
        "if True]",
        ("unit/training/test_optimiser.py", "unit/training/test_engine.py"),
    ),
    Fault(
        "DVC is not told that a run depends on how networks are trained",
        "dvc.yaml",
        "        - pipeline/training\n",
        "",
        ("unit/test_sources.py",),
    ),
    Fault(
        "DVC is not told that an analysis depends on the claims",
        "dvc.yaml",
        "        - ${item.claims}\n",
        "",
        ("unit/test_sources.py",),
    ),
    Fault(
        "an example prunes what is most important",
        "examples/prune_to_a_budget.py",
        "else values[-1].item()",
        "else -values[-1].item()",
        ("examples/test_examples.py::test_the_budget_is_kept_and_so_is_the_accuracy",),
    ),
    Fault(
        "an example grows without the optimiser",
        "examples/grow_for_a_new_task.py",
        "grow(net, layer, count=8, optimiser=optimiser)",
        "grow(net, layer, count=8)",
        ("examples/test_examples.py::test_growing_changes_nothing_and_the_new_task_is_learned",),
    ),
    Fault(
        "a setting of profile paper that is not the paper's",
        "profiles/paper.yaml",
        "  batch_size: 48\n",
        "  batch_size: 64\n",
        ("unit/test_profile.py",),
    ),
]

FAULTS = [
    *(*MODEL, *SURGERY, *TRAINING, *DATA, *EXPERIMENTS),
    *(*EXECUTION, *RESULTS, *REPORTING, *TRACKING, *AROUND),
]
