import assert from 'node:assert/strict'
import { test } from 'node:test'
import pg from 'pg'
import { systemCtx } from '#kernel/context.ts'
import { sql } from '#kernel/db/index.ts'
import { queryIn, type TestKernel, withTestDb } from '#kernel/db/testing.ts'
import { manualClock } from '#kernel/time.ts'
import { defineTaskKind, openTask } from '#modules/tasks/index.ts'
import { examineAll } from '../examine.ts'
import { startWork } from '../up.ts'

const DAY_MS = 86_400_000
const WAIT_MS_MAX = 15_000
const KEY = 'k'.repeat(20)

defineTaskKind({ kind: 'work_test.answer', clock: 'natural', minutes: 10 })

/** Looks every 100 ms until it is so. */
async function until(what: string, look: () => Promise<boolean>): Promise<void> {
  for (const end = Date.now() + WAIT_MS_MAX; !(await look()); ) {
    assert.ok(Date.now() < end, `not seen: ${what}`)
    await new Promise(resolve => setTimeout(resolve, 100))
  }
}

const count = async (kernel: TestKernel, table: string): Promise<number> =>
  (await queryIn(kernel, `select count(*)::int as n from ${table} where tenant_id = 1`)).rows[0].n

async function leaveOldThings(kernel: TestKernel, at: Date): Promise<void> {
  await queryIn(
    kernel,
    `insert into kernel.idempotency (tenant_id, scope, key, fingerprint, created_at) values (1, 'test', $1, '\\x00', $2)`,
    [KEY, at],
  )
  await queryIn(
    kernel,
    `insert into identity.session (tenant_id, digest, kind, holder_id, created_at, seen_at, expires_at)
     values (1, decode(repeat('07', 32), 'hex'), 'resident', '00000000-0000-7000-8000-000000000001', $1, $1, $1)`,
    [at],
  )
}

test('the product begins its daily and its task work by itself, repeats it the next day, and not before', async () => {
  const clock = manualClock('2026-11-22T02:00:00Z')
  await withTestDb(
    async kernel => {
      await leaveOldThings(kernel, new Date(clock.now().getTime() - 91 * DAY_MS))
      const young = new Date(clock.now().getTime() - 89 * DAY_MS)
      await queryIn(
        kernel,
        `insert into kernel.idempotency (tenant_id, scope, key, fingerprint, created_at) values (1, 'young', $1, '\\x00', $2)`,
        [KEY, young],
      )
      const ctx = systemCtx(kernel, 1, 'test')
      await kernel.db.tx(1, tx =>
        openTask(tx, ctx, { kind: 'work_test.answer', subjectKind: 'request', subjectId: 'r1', title: '路灯不亮' }),
      )
      clock.advance(6 * 60_000)
      const work = startWork(kernel, 1)
      try {
        await until('old answers are forgotten', async () => (await count(kernel, 'kernel.idempotency')) === 1)
        await until('old sign-ins are forgotten', async () => (await count(kernel, 'identity.session')) === 0)
        await until('the warning of a task is given', async () => (await count(kernel, 'tasks.task_rung')) === 1)
        await until('the doctor knows', async () => (await jobCheck(kernel))?.ok === true)
      } finally {
        await work.stop()
      }
      await leaveOldThings(kernel, new Date(clock.now().getTime() - 91 * DAY_MS))
      const again = startWork(kernel, 1)
      await new Promise(resolve => setTimeout(resolve, 500))
      await again.stop()
      assert.equal(await count(kernel, 'identity.session'), 1, 'a restart does not repeat it')
      clock.advance(DAY_MS)
      const nextDay = startWork(kernel, 1)
      try {
        await until('the next day it runs again', async () => (await count(kernel, 'identity.session')) === 0)
      } finally {
        await nextDay.stop()
      }
    },
    { clock },
  )
})

const jobCheck = async (kernel: TestKernel) => (await examineAll(kernel.db, 1, [])).find(check => check.id === 'J1')

test('daily work that fails is seen in the metrics and by the doctor, and is well again once it can run', async () => {
  await withTestDb(async kernel => {
    const owner = new pg.Client({ connectionString: kernel.owner })
    await owner.connect()
    try {
      assert.equal((await jobCheck(kernel))?.ok, 'not applicable')
      await owner.query('revoke delete on kernel.idempotency from yimen_app')
      const work = startWork(kernel, 1)
      await until('the doctor sees it', async () => (await jobCheck(kernel))?.ok === false)
      assert.match((await jobCheck(kernel))!.detail, /kernel\.idempotency failed \d+ times, last: permission denied/)
      await until('the metrics show it', async () =>
        (await kernel.metrics.registry.metrics()).includes('yimen_timer_failing{timer="kernel.idempotency:1"} 1'),
      )
      await work.stop()
      await owner.query('grant delete on kernel.idempotency to yimen_app')
      const again = startWork(kernel, 1)
      await until('it is well', async () => (await jobCheck(kernel))?.ok === true)
      await again.stop()
      const { ok_at } = await kernel.db.read(1, tx =>
        tx.one<{ ok_at: Date | null }>(sql`select ok_at from kernel.job where tenant_id = 1 and name = 'kernel.idempotency'`),
      )
      assert.ok(ok_at)
    } finally {
      await owner.end()
    }
  })
})

test('the product examines its own books each day and says by name what is broken', async () => {
  const clock = manualClock('2026-11-22T02:00:00Z')
  await withTestDb(
    async kernel => {
      const owner = new pg.Client({ connectionString: kernel.owner })
      await owner.connect()
      try {
        const work = startWork(kernel, 1)
        await until('it is well', async () => (await jobCheck(kernel))?.ok === true)
        await owner.query(`
          insert into ledger.journal (tenant_id, about, ref, code, reverses, unit, effective_at, accounts, amounts)
          values (1, '00000000-0000-7000-8000-000000000001', 'made up', 'PAY', '', 'fen', now(), '{1,2}', '{5,-4}')`)
        await work.stop()
        clock.advance(DAY_MS)
        const nextDay = startWork(kernel, 1)
        await until('the next day it is found', async () => (await jobCheck(kernel))?.ok === false)
        assert.match((await jobCheck(kernel))!.detail, /app\.examine failed \d+ times, last: broken: I1, I2/)
        await nextDay.stop()
      } finally {
        await owner.end()
      }
    },
    { clock },
  )
})
