import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Ctx, Kernel } from '#kernel/context.ts'
import { sql } from '#kernel/db/index.ts'
import { testCtx, withTestDb } from '#kernel/db/testing.ts'
import { unwrap } from '#kernel/result.ts'
import { manualClock } from '#kernel/time.ts'
import { listMessages } from '#modules/notify/index.ts'
import {
  defineTaskKind,
  finishTask,
  listTasks,
  type OpenInput,
  openTask,
  pauseTask,
  reassignTask,
  resumeTask,
  runLadder,
  setSuperior,
} from '../index.ts'

defineTaskKind({ kind: 'tasks_test.answer', clock: 'natural', minutes: 100 })

const MINUTE = 60_000
const staffId = (n: number): string => `00000000-0000-7000-8000-00000000000${n}`
const [CLERK, HEAD, CHIEF] = [staffId(1), staffId(2), staffId(3)]
const start = () => manualClock('2026-03-02T01:00:00Z')
const boss = (kernel: Kernel): Ctx => testCtx(kernel, { permissions: new Set(['tasks.task.assign', 'tasks.task.read']) })
const open = (ctx: Ctx, input: Partial<OpenInput> = {}) =>
  ctx.kernel.db.tx(ctx.tenantId, tx =>
    openTask(tx, ctx, {
      kind: 'tasks_test.answer',
      subjectKind: 'request',
      subjectId: 'r1',
      title: '路灯不亮',
      assigneeId: CLERK,
      ...input,
    }),
  )
const fired = (kernel: Kernel) =>
  kernel.db.read(1, tx =>
    tx.rows<{ rung: number; level: number; to: string | null }>(
      sql`select rung, level, to_id as "to" from tasks.task_rung where tenant_id = 1 order by fired_at, rung`,
    ),
  )
const inTx = <T>(ctx: Ctx, work: (tx: Parameters<typeof pauseTask>[0]) => Promise<T>) => ctx.kernel.db.tx(ctx.tenantId, work)

test('the ladder climbs from the assignee to the people above and at last the department, each rung once', async () => {
  const clock = start()
  await withTestDb(
    async kernel => {
      const ctx = boss(kernel)
      unwrap(await setSuperior(ctx, { staffId: CLERK, superiorId: HEAD }))
      await open(ctx)
      const steps: [number, number, string | null][] = [
        [50, 3, CLERK],
        [80, 2, CLERK],
        [100, 1, HEAD],
        [150, 1, null],
        [200, 1, null],
      ]
      let passed = 0
      for (const [i, [minute, level, to]] of steps.entries()) {
        clock.advance((minute - passed) * MINUTE - 1)
        await runLadder(kernel, 1)
        assert.equal((await fired(kernel)).length, i, `nothing before minute ${minute}`)
        clock.advance(1)
        await Promise.all(Array.from({ length: 6 }, () => runLadder(kernel, 1)))
        assert.deepEqual((await fired(kernel)).slice(i), [{ rung: i, level, to }])
        passed = minute
      }
      clock.advance(10_000 * MINUTE)
      await runLadder(kernel, 1)
      assert.equal((await fired(kernel)).length, 5)
      const warned = await kernel.db.read(1, tx =>
        tx.one<{ n: number }>(sql`select count(*) as n from trail.pending_event where tenant_id = 1 and type = 'tasks.task_warned'`),
      )
      assert.equal(warned.n, 5)
      const clerk = await listMessages(testCtx(kernel, { id: CLERK }), { staffId: CLERK })
      assert.deepEqual(clerk.ok && clerk.value.map(m => m.text), Array(2).fill('路灯不亮将于2026-03-02 10:40到期，请抓紧办理。'))
      const head = await listMessages(testCtx(kernel, { id: HEAD }), { staffId: HEAD })
      assert.deepEqual(head.ok && head.value.map(m => m.text), ['路灯不亮超期未办（2026-03-02 10:40到期），已上报到您。'])
    },
    { clock },
  )
})

test('rungs missed while nothing ran come at once and in order', async () => {
  const clock = start()
  await withTestDb(
    async kernel => {
      await open(boss(kernel))
      clock.advance(120 * MINUTE)
      await runLadder(kernel, 1)
      assert.deepEqual(
        (await fired(kernel)).map(r => r.rung),
        [0, 1, 2],
      )
    },
    { clock },
  )
})

test('a pause stops the warnings and moves the deadline by its length', async () => {
  const clock = start()
  await withTestDb(
    async kernel => {
      const ctx = boss(kernel)
      const task = await open(ctx)
      clock.advance(40 * MINUTE)
      unwrap(await inTx(ctx, tx => pauseTask(tx, ctx, { taskId: task.id, reason: '等待补充材料' })))
      const twice = await inTx(ctx, tx => pauseTask(tx, ctx, { taskId: task.id, reason: 'x' }))
      assert.equal(!twice.ok && twice.error.code, 'tasks.task_paused')
      clock.advance(1_000 * MINUTE)
      await runLadder(kernel, 1)
      assert.deepEqual(await fired(kernel), [])
      const resumed = unwrap(await inTx(ctx, tx => resumeTask(tx, ctx, { taskId: task.id })))
      assert.equal(resumed.deadlineAt.getTime(), task.deadlineAt.getTime() + 1_000 * MINUTE)
      const again = await inTx(ctx, tx => resumeTask(tx, ctx, { taskId: task.id }))
      assert.equal(!again.ok && again.error.code, 'tasks.task_not_paused')
      // Paused again in the same moment, then the machine's clock is set back: neither may lose or gain time.
      unwrap(await inTx(ctx, tx => pauseTask(tx, ctx, { taskId: task.id, reason: '还差一份' })))
      clock.advance(-5 * MINUTE)
      const third = unwrap(await inTx(ctx, tx => resumeTask(tx, ctx, { taskId: task.id })))
      assert.equal(third.deadlineAt.getTime(), resumed.deadlineAt.getTime())
      clock.advance(5 * MINUTE)
      clock.advance(10 * MINUTE)
      await runLadder(kernel, 1)
      assert.deepEqual(
        (await fired(kernel)).map(r => r.rung),
        [0],
      )
      const why = await inTx(ctx, tx => pauseTask(tx, ctx, { taskId: task.id, reason: ' ' }))
      assert.equal(!why.ok && why.error.code, 'tasks.reason_missing')
    },
    { clock },
  )
})

test('a finished task warns nobody, and whether it was late is recorded', async () => {
  const clock = start()
  await withTestDb(
    async kernel => {
      const ctx = boss(kernel)
      const first = await open(ctx)
      assert.equal((await open(ctx)).id, first.id, 'one open task for a kind and subject')
      clock.advance(101 * MINUTE)
      unwrap(await inTx(ctx, tx => finishTask(tx, ctx, { taskId: first.id })))
      await runLadder(kernel, 1)
      assert.deepEqual(await fired(kernel), [])
      const twice = await inTx(ctx, tx => finishTask(tx, ctx, { taskId: first.id }))
      assert.equal(!twice.ok && twice.error.code, 'tasks.task_finished')
      assert.notEqual((await open(ctx)).id, first.id)
      const [body] = await kernel.db.read(1, tx =>
        tx.rows<{ body: unknown }>(sql`select body from trail.pending_event where tenant_id = 1 and type = 'tasks.task_finished'`),
      )
      assert.deepEqual(body?.body, { outcome: 'done', late: true })
    },
    { clock },
  )
})

test('warnings follow the task to its new owner', async () => {
  const clock = start()
  await withTestDb(
    async kernel => {
      const ctx = boss(kernel)
      const task = await open(ctx)
      unwrap(await reassignTask(ctx, { taskId: task.id, assigneeId: CHIEF }))
      clock.advance(50 * MINUTE)
      await runLadder(kernel, 1)
      assert.deepEqual(
        (await fired(kernel)).map(r => r.to),
        [CHIEF],
      )
    },
    { clock },
  )
})

test('nobody is above themselves, over any number of steps', () =>
  withTestDb(async kernel => {
    const ctx = boss(kernel)
    unwrap(await setSuperior(ctx, { staffId: CLERK, superiorId: HEAD }))
    unwrap(await setSuperior(ctx, { staffId: HEAD, superiorId: CHIEF }))
    for (const superiorId of [CLERK, HEAD]) {
      const circle = await setSuperior(ctx, { staffId: superiorId === CLERK ? CHIEF : HEAD, superiorId })
      assert.equal(!circle.ok && circle.error.code, 'tasks.superior_circle')
    }
  }))

test('tasks are seen and given away only with the right to it, in one’s area and tenant', () =>
  withTestDb(async kernel => {
    const task = await open(boss(kernel), { areaCode: '990101001001' })
    const before = await kernel.db.read(1, tx => tx.rows(sql`select type from trail.pending_event where tenant_id = 1`))
    const stranger = testCtx(kernel, { id: CLERK, permissions: new Set(['identity.person.read']) })
    for (const result of [
      await listTasks(stranger),
      await listTasks(stranger, { assigneeId: CLERK }),
      await reassignTask(stranger, { taskId: task.id, assigneeId: HEAD }),
      await setSuperior(stranger, { staffId: CLERK, superiorId: HEAD }),
    ])
      assert.equal(!result.ok && result.error.code, 'access.denied')
    const worker = testCtx(kernel, { id: CLERK, permissions: new Set(['tasks.task.work']) })
    assert.equal((await listTasks(worker)).ok, false)
    assert.deepEqual(
      unwrap(await listTasks(worker, { assigneeId: CLERK })).map(t => t.id),
      [task.id],
    )
    const elsewhere = { ...boss(kernel), actor: { ...boss(kernel).actor, area: '990101001002' } }
    assert.deepEqual(unwrap(await listTasks(elsewhere)), [])
    const moved = await reassignTask(elsewhere, { taskId: task.id, assigneeId: HEAD })
    assert.equal(!moved.ok && moved.error.code, 'tasks.task_not_found')
    const other = { ...boss(kernel), tenantId: 2 }
    assert.deepEqual(unwrap(await listTasks(other)), [])
    assert.equal((await reassignTask(other, { taskId: task.id })).ok, false)
    assert.deepEqual(await kernel.db.read(1, tx => tx.rows(sql`select type from trail.pending_event where tenant_id = 1`)), before)
  }))
