"""Plans in a world that does as it likes: crashes between any two steps, slow writers, failures, unknown queues."""

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from runnerpool.api.pool import Mode, Rollout
from runnerpool.planning.plan import Create, Plan, ReleaseReserved, Reserve, Step
from runnerpool.planning.planner import plan
from runnerpool.planning.snapshot import PodStage, PoolSnapshot
from support.builders import make_pool
from support.world import Crashed, World

# 300 lives of a pool take a while on a busy machine, and shrinking a failure takes longer.
pytestmark = pytest.mark.timeout(600)

_ANY = st.randoms(use_true_random=False)
_TEMPLATES = ["present-template", "next-template", "broken-template"]
_SECONDS = st.sampled_from([0.1, 1, 30, 61, 120, 400])


class PoolMachine(RuleBasedStateMachine):
    @initialize(
        bounds=st.tuples(st.integers(0, 4), st.integers(0, 4)),
        idle_slots=st.integers(0, 1),
        idle_seconds=st.sampled_from([0, 60]),
        concurrency=st.sampled_from([1, 2]),
        rollout=st.sampled_from([(1, 0), (2, 0), (0, 1), (1, 1)]),
    )
    def a_pool(self, bounds, idle_slots, idle_seconds, concurrency, rollout):
        pool = make_pool(
            scaling={
                "minReplicas": min(bounds),
                "maxReplicas": max(bounds),
                "idleSlots": idle_slots,
                "idleSeconds": idle_seconds,
            },
            runner={"concurrency": concurrency},
            rollout={"maxSurge": rollout[0], "maxUnavailable": rollout[1]},
            lifecycle={"drainTimeoutSeconds": 100},
        )
        self.world = World(pool=pool, broken={_TEMPLATES[-1]})
        self.cap = self.most = 0
        self.others: list[tuple[PoolSnapshot, Plan]] = []

    # The operator, its crashes, and a second one

    @rule()
    def the_operator_makes_a_pass(self):
        self._carry_out(self.world.snapshot())

    @rule(random=_ANY, part=st.floats(0, 1))
    def the_operator_crashes_in_the_middle_of_a_pass(self, random, part):
        self._carry_out(self.world.snapshot(), random=random, part=part)
        self.world.observed_since = self.world.now

    @precondition(lambda self: len(self.others) < 3)
    @rule()
    def another_operator_plans_and_is_slow(self):
        snapshot = self.world.snapshot()
        self.others.append((snapshot, plan(snapshot)))

    @precondition(lambda self: self.others)
    @rule(random=_ANY, part=st.floats(0, 1))
    def the_slow_operator_acts_at_last(self, random, part):
        snapshot, decision = self.others.pop(random.randrange(len(self.others)))
        # A creation that was promised long ago is the one step that no precondition guards.
        steps = [step for step in decision.steps if not isinstance(step, Create) or step.ordinal in self.world.reserved]
        self._act(snapshot, steps, random=random, part=part)

    def _carry_out(self, snapshot, *, random=None, part=1.0):
        decision = plan(snapshot)
        self._check_told(snapshot, decision)
        self._act(snapshot, decision.steps, random=random, part=part)

    def _check_told(self, snapshot, decision):
        """No busy pod goes but one that was made from other settings, unless all go or the cap was lowered."""
        spec = snapshot.pool.spec
        may_go = {
            pod.name
            for pod in snapshot.pods
            if pod.drain_order is not None or (self.world.queue_known and pod.template_hash != self.world.template)
        }
        told = {step.pod for step in decision.steps if hasattr(step, "order")} - may_go
        if spec.mode is not Mode.DRAIN and len(self.world.takers) <= spec.scaling.max_replicas:
            assert not {name for name in told if self.world.held[name]}, "a busy pod is told to drain"
        if spec.mode is Mode.HOLD:
            assert not told
            assert not any(isinstance(step, Reserve | Create) for step in decision.steps)

    def _act(self, snapshot: PoolSnapshot, steps, *, random=None, part=1.0):
        writes = [step for step in steps if isinstance(step, Reserve | ReleaseReserved)]
        rest = [step for step in steps if step not in writes]
        if random is not None:
            random.shuffle(rest)
        for step in self._with_creations([*writes, *rest])[: round(part * 2 * len(steps))]:
            try:
                self.world.act(snapshot, step)
            except Crashed:
                break
            self._check()
        if writes:
            self.world.touch()

    def _with_creations(self, steps) -> list[Step]:
        """What is reserved is created next, each in a step of its own, so that a crash may come between."""
        reserves = [step for step in steps if isinstance(step, Reserve)]
        created = [
            Create(ordinal=ordinal, reason=step.reason, message="") for step in reserves for ordinal in step.ordinals
        ]
        return [*steps, *created]

    # The world

    @rule(seconds=_SECONDS)
    def time_passes(self, seconds):
        self.world.wait(seconds)

    @rule(jobs=st.integers(1, 5))
    def jobs_arrive(self, jobs):
        self.world.enqueue(jobs)

    @rule(random=_ANY)
    def somebody_else_takes_jobs(self, random):
        taken = random.randint(0, self.world.pending)
        self.world.pending -= taken
        self.world.done += taken

    @rule()
    def the_queue_becomes_unknown(self):
        self.world.queue_known = False

    @rule()
    def the_queue_is_known_again(self):
        self.world.queue_known = True

    @rule(cap=st.integers(0, 5))
    def somebody_changes_the_cap(self, cap):
        scaling = self.world.pool.spec.scaling
        bounds = {"max_replicas": cap, "min_replicas": min(cap, scaling.min_replicas)}
        self.world.change(scaling=scaling.model_copy(update=bounds))
        self.others.clear()

    @rule(rollout=st.sampled_from([(1, 0), (3, 0), (0, 1)]))
    def somebody_changes_the_bounds_of_rollouts(self, rollout):
        self.world.change(rollout=Rollout(max_surge=rollout[0], max_unavailable=rollout[1]))
        self.others.clear()

    @rule(mode=st.sampled_from([*Mode, Mode.ACTIVE]))
    def somebody_changes_the_mode(self, mode):
        self.world.change(mode=mode)
        self.others.clear()

    @rule(template=st.sampled_from(_TEMPLATES))
    def somebody_changes_the_settings_of_pods(self, template):
        """The last of them is broken."""
        self.world.template = template
        self.world.touch()

    @rule(build=st.sampled_from(["present-build", "next-build"]))
    def the_operator_is_upgraded_or_put_back(self, build):
        self.world.build = build
        self.world.observed_since = self.world.now
        self.others.clear()

    def _any_pod(self, random, *stages):
        return random.choice(self.world.runners(*stages) or [None])

    @rule(random=_ANY)
    def a_pod_starts(self, random):
        if name := self._any_pod(random, PodStage.STARTING):
            self.world.start(name)

    @rule(random=_ANY)
    def a_pod_takes_a_job(self, random):
        if name := self._any_pod(random, PodStage.READY):
            self.world.take(name)

    @rule(random=_ANY)
    def a_job_ends(self, random):
        if name := self._any_pod(random, PodStage.READY, PodStage.STARTING):
            self.world.finish(name)

    @rule(random=_ANY)
    def a_pod_obeys(self, random):
        if name := self._any_pod(random, PodStage.READY, PodStage.STARTING):
            self.world.obey(name)

    @rule(random=_ANY)
    def a_pod_becomes_unready(self, random):
        if name := self._any_pod(random, PodStage.READY):
            self.world.lose_readiness(name)

    @rule(random=_ANY)
    def a_pod_crashes(self, random):
        if name := self._any_pod(random, PodStage.READY, PodStage.STARTING):
            self.world.fail(name)

    @rule(random=_ANY)
    def the_cluster_takes_a_pod(self, random):
        if name := self._any_pod(random, *PodStage):
            self.world.evict(name)

    @rule(random=_ANY)
    def somebody_orders_a_drain_by_hand(self, random):
        if name := self._any_pod(random, PodStage.READY, PodStage.STARTING, PodStage.GATED):
            self.world.order_by_hand(name)

    @rule(ordinal=st.integers(1, 40))
    def a_row_is_left_behind(self, ordinal):
        self.world.leave_row(ordinal)

    # What must hold

    @invariant()
    def no_job_is_lost(self):
        if hasattr(self, "world"):
            self.world.check_jobs()

    @invariant()
    def the_cap_holds(self):
        if hasattr(self, "world"):
            self._check()

    def _check(self):
        """What is there may be above a bound that was lowered, but never grows above one."""
        counted, unfinished = len(self.world.counted), len(self.world.unfinished | self.world.reserved)
        most = self.world.cap + self.world.pool.spec.scaling.max_replicas
        assert counted <= max(self.cap, self.world.cap), f"{counted} pods may take work or are promised"
        assert unfinished <= max(self.most, most), f"{unfinished} pods are not finished"
        self.cap, self.most = counted, unfinished

    def teardown(self):
        if hasattr(self, "world"):
            self._comes_to_rest()
            self._winds_up()

    def _comes_to_rest(self):
        """Left alone, with a known queue, the pool does all jobs, goes back to its floor, and leaves nothing over."""
        self.world.queue_known = True
        self.world.broken.clear()
        self.world.change(mode=Mode.ACTIVE)
        cap = self.world.pool.spec.scaling.max_replicas
        for _ in range(80 + self.world.arrived - self.world.done):
            self._carry_out(self.world.snapshot())
            self.world.live_on()
            self._check()
            self.world.wait(20)
        scaling = self.world.pool.spec.scaling
        slots = -(-scaling.idle_slots // self.world.pool.spec.runner.concurrency)
        if cap:
            assert self.world.pending == 0
            assert not sum(self.world.held.values())
            # A promise that a lowered cap has no room for waits until it has.
            assert not self.world.reserved or len(self.world.takers) == cap
        assert not self.world.old
        # Failed pods may stay for their logs, but without a runner.
        working = sorted(name for name, pod in self.world.pods.items() if pod.unfinished)
        assert len(working) == min(cap, max(scaling.min_replicas, slots))
        assert sorted(self.world.rows.values()) == working
        assert plan(self.world.snapshot()).steps == ()

    def _winds_up(self):
        """Deleted, the pool ends without a pod, a row or a job in hand, and is let go."""
        self.world.pool = self.world.pool.model_copy(update={"deleting_since": self.world.now})
        self.world.touch()
        for _ in range(20):
            self._act(snapshot := self.world.snapshot(), plan(snapshot).steps)
            self.world.live_on()
            self.world.wait(20)
        assert self.world.pool_gone
        assert (self.world.pods, self.world.rows, self.world.reserved) == ({}, {}, set())


PoolMachine.TestCase.settings = settings(stateful_step_count=40)
TestPoolInASimulatedWorld = PoolMachine.TestCase
