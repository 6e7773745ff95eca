import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { type Ctx, makeId, systemCtx } from '#kernel/context.ts'
import { queryIn, type TestKernel, testCtx, withTestDb } from '#kernel/db/testing.ts'
import { newCode, newId } from '#kernel/id.ts'
import { unwrap } from '#kernel/result.ts'
import { addDays, addMs, manualClock, startOfDay, systemClock } from '#kernel/time.ts'
import { closeDrawer, decideBreak, openDrawer, runClose, StatementRefused, viewReconciliation } from '#modules/payments/index.ts'
import { startSandbox } from '../../../../sandbox/start.ts'
import {
  type BillerApiConfig,
  billerApi,
  checkChecks,
  checkSettlements,
  compareCheckFile,
  getBill,
  listCheckFiles,
  payInCash,
  readCheckFile,
  runChecks,
  runPostings,
  runSettlements,
  usePort,
} from '../index.ts'
import { registerWater, waterConfig } from './import-support.ts'

const DAY = '2026-11-20'
const H = 3_600_000
const DECIDE = ['payments.reconcile.read', 'payments.reconcile.decide']

interface Town {
  readonly kernel: TestKernel
  readonly ctx: Ctx
  /** A desk of one person. */
  desk(...permissions: string[]): Ctx
  /** Pays so many bills in cash on the running day and tells the biller; answers the numbers in the order of its books. */
  payAndTell(count: number): Promise<string[]>
  faults(change: object): Promise<void>
  /** The morning of the n-th day after the first, with what runs by itself. */
  morning(n: number): Promise<void>
  fetchFile(day: string): Promise<Buffer>
  /** 'class severity ref', open ones. */
  open(): Promise<string[]>
  state(posting: string): Promise<number>
  isSettled(day: string): Promise<boolean>
  /** What the doctor finds broken. */
  broken(): Promise<string[]>
}

let serial = 0

async function addBill(kernel: TestKernel): Promise<string> {
  const n = ++serial
  const accountId = newId(kernel.clock, kernel.random)
  const code = newCode(kernel.random)
  await queryIn(
    kernel,
    `insert into billing.account (tenant_id, id, biller_id, account_no, holder_mask, address_mask, is_closed, opened_at) values (1, $1, 'water', $2, '王**', '青砖一村***', false, $3)`,
    [accountId, `10${String(n).padStart(8, '0')}`, kernel.clock.now()],
  )
  await queryIn(
    kernel,
    `insert into billing.bill (tenant_id, id, code, biller_id, account_id, bill_no, period_from, period_to, amount_fen, due_on, lines, issued_at)
     values (1, $1, $2, 'water', $3, $4, '2026-09', '2026-10', $5, '2026-12-20', '[]', $6)`,
    [newId(kernel.clock, kernel.random), code, accountId, `W${n}`, 1_000 * n, kernel.clock.now()],
  )
  return code
}

async function withTown(work: (town: Town) => Promise<void>): Promise<void> {
  const dir = mkdtempSync(join(tmpdir(), 'yimen-checks-'))
  const clock = manualClock(addMs(startOfDay(DAY), 9 * H))
  const { biller } = await startSandbox(['biller'], { keysDir: dir })
  const control = async (path: string, body: object) => {
    const headers = { 'content-type': 'application/json' }
    const answer = await fetch(`${biller.url}/_control/${path}`, { method: 'POST', headers, body: JSON.stringify(body) })
    assert.ok(answer.ok, path)
  }
  const port = billerApi(biller.config as unknown as BillerApiConfig, systemClock)
  try {
    await withTestDb(
      async kernel => {
        const ctx = systemCtx(kernel, 1, 'test')
        const cashier = testCtx(kernel, { id: makeId(ctx), permissions: new Set(['payments.cash.collect']) })
        usePort(1, 'water', port)
        await registerWater(kernel, { ...waterConfig, query_after_min: 1_000_000, check_file: 'standard' })
        const tell = async () => {
          await control('now', { now: clock.now().toISOString() })
          await runPostings(kernel, 1)
        }
        await work({
          ...{ kernel, ctx },
          desk: (...permissions) => testCtx(kernel, { id: makeId(ctx), permissions: new Set(permissions) }),
          async payAndTell(count) {
            unwrap(await openDrawer(cashier, { drawer: 'A1', pieces: {} }))
            for (let i = 0; i < count; i++) {
              const { quote } = unwrap(await getBill(ctx, await addBill(kernel), ['window:x']))
              unwrap(await payInCash(cashier, { quote, tenderedFen: 100_000, idempotencyKey: newCode(kernel.random) }))
            }
            unwrap(await closeDrawer(cashier, { pieces: { d10000: '100' } }))
            clock.advance(11 * 60_000)
            await tell()
            const books = (await (await fetch(`${biller.url}/_control/postings`)).json()) as { postings: { posting_no: string }[] }
            return books.postings.map(posting => posting.posting_no)
          },
          faults: change => control('faults', change),
          async morning(n) {
            clock.set(addMs(startOfDay(addDays(DAY, n)), 10.5 * H))
            await control('now', { now: clock.now().toISOString() })
            await runChecks(kernel, 1)
            clock.advance(60_000)
            await tell()
            await runChecks(kernel, 1)
            await runClose(kernel, 1)
            await runSettlements(kernel, 1)
          },
          async fetchFile(day) {
            const answer = await port.fetchCheckFile!(day)
            assert.equal(answer.kind, 'file')
            return answer.kind === 'file' ? answer.bytes : Buffer.alloc(0)
          },
          async open() {
            const view = unwrap(await viewReconciliation(ctx, DAY, addDays(DAY, 9)))
            return view.open.map(b => `${b.class} ${b.severity} ${b.ref}`).sort()
          },
          state: async id => (await queryIn(kernel, 'select state from billing.posting where id = $1', [id])).rows[0].state,
          isSettled: async day => ((await queryIn(kernel, 'select from billing.settlement where day = $1', [day])).rowCount ?? 0) > 0,
          broken: async () =>
            [...(await checkChecks(kernel.db, 1)), ...(await checkSettlements(kernel.db, 1))]
              .filter(c => c.ok === false)
              .map(c => c.detail),
        })
      },
      { clock },
    )
  } finally {
    await biller.stop()
    rmSync(dir, { recursive: true })
  }
}

test('a file that agrees is taken once; the doctor compares it with what was told', { timeout: 120_000 }, () =>
  withTown(async town => {
    await town.payAndTell(3)
    await town.morning(1)
    assert.deepEqual(await town.open(), [])
    const files = unwrap(await listCheckFiles(town.ctx, DAY, DAY))
    assert.deepEqual(
      files.map(f => f.rows),
      [3],
    )
    const bytes = await town.fetchFile(DAY)
    assert.deepEqual(unwrap(await readCheckFile(town.ctx, files[0]!.id)).bytes, bytes)
    const again = unwrap(await compareCheckFile(town.ctx, { billerId: 'water', day: DAY, name: 'again', bytes }))
    assert.equal(again.outcome, 'unchanged')
    assert.ok(await town.isSettled(DAY))
    assert.deepEqual(await town.broken(), [])
    await town.kernel.db.tx(1, tx => tx.client.query('delete from billing.check_row where tenant_id = 1'))
    assert.match((await town.broken()).join(), /totals/)
  }),
)

test('what the file lacks is told again under its number and found in a later file', { timeout: 120_000 }, () =>
  withTown(async town => {
    const [first] = await town.payAndTell(2)
    await town.faults({ check_skip: 1 })
    await town.morning(1)
    assert.deepEqual(await town.open(), [`biller_missing 2 ${first}`])
    assert.equal(await town.state(first!), 3, 'asked again, and still booked by its own word')
    const { rows } = await queryIn(town.kernel, `select count(*)::int as n from trail.pending where type = 'billing.posting_told_again'`)
    assert.equal(rows[0].n, 1)
    assert.ok(await town.isSettled(DAY), 'it is not grave yet')
    assert.deepEqual(await town.broken(), [])
    // The biller notices and sends the day again.
    await town.faults({ check_skip: 0 })
    unwrap(await compareCheckFile(town.ctx, { billerId: 'water', day: DAY, name: 'corrected', bytes: await town.fetchFile(DAY) }))
    assert.deepEqual(await town.open(), [])
    assert.deepEqual(await town.broken(), [])
  }),
)

test('what the biller has and we never told is a task for a person; another amount is grave and stops the day', { timeout: 120_000 }, () =>
  withTown(async town => {
    const [first] = await town.payAndTell(2)
    await town.faults({ check_extra: 1, check_amount: 100 })
    await town.morning(1)
    assert.deepEqual(await town.open(), [`biller_amount 1 ${first}`, `biller_only 2 OTHER-${DAY}-1`])
    assert.equal((await queryIn(town.kernel, 'select from payments.break where task_id is not null')).rowCount, 2)
    assert.equal(await town.isSettled(DAY), false)
    assert.deepEqual(await town.broken(), [], 'both are known')
    const [one, two] = [town.desk(...DECIDE), town.desk(...DECIDE)]
    const breaks = unwrap(await viewReconciliation(one, DAY, DAY)).open
    const grave = breaks.find(b => b.class === 'biller_amount')!
    assert.equal(unwrap(await decideBreak(one, { breakId: grave.id, reason: 'channel_corrects', note: '' })), 'proposed')
    assert.equal(unwrap(await decideBreak(two, { breakId: grave.id, reason: 'channel_corrects', note: '' })), 'resolved')
    await town.faults({ check_extra: 0 })
    await town.morning(2)
    assert.ok(await town.isSettled(DAY))
    assert.deepEqual(await town.open(), [`biller_only 2 OTHER-${DAY}-1`], 'the next day has no quarrel of its own')
  }),
)

test('cut off, with wrong totals or late a file changes nothing and is asked for again', { timeout: 120_000 }, () =>
  withTown(async town => {
    await town.payAndTell(2)
    for (const fault of ['check_late', 'check_cut', 'check_totals']) {
      await town.faults({ check_late: false, check_cut: false, check_totals: false, [fault]: true })
      await town.morning(1)
      assert.deepEqual(unwrap(await listCheckFiles(town.ctx, DAY, DAY)), [], fault)
      const bytes = fault === 'check_late' ? Buffer.from('T|') : await town.fetchFile(DAY)
      await assert.rejects(compareCheckFile(town.ctx, { billerId: 'water', day: DAY, name: fault, bytes }), StatementRefused)
      await queryIn(town.kernel, `update payments.statement_wait set due_at = '2026-01-01'`)
    }
    const waits = unwrap(await viewReconciliation(town.ctx, DAY, DAY)).waits
    assert.deepEqual(
      waits.map(w => [w.channel, w.day, w.code]),
      [['biller:water', DAY, 'count']],
    )
    await town.faults({ check_totals: false })
    await town.morning(1)
    assert.equal(unwrap(await listCheckFiles(town.ctx, DAY, DAY)).length, 1)
    assert.deepEqual(await town.open(), [])
    assert.deepEqual(unwrap(await viewReconciliation(town.ctx, DAY, DAY)).waits, [])
  }),
)

test('three days without its row make a difference grave; money given back ends it', { timeout: 120_000 }, () =>
  withTown(async town => {
    const [first] = await town.payAndTell(1)
    await town.faults({ check_skip: 1 })
    for (const n of [1, 2, 3]) await town.morning(n)
    assert.deepEqual(await town.open(), [`biller_missing 2 ${first}`])
    await town.morning(4)
    assert.deepEqual(await town.open(), [`biller_missing 1 ${first}`])
    await queryIn(town.kernel, 'update billing.posting set state = 7 where id = $1', [first])
    await town.morning(5)
    assert.deepEqual(await town.open(), [])
  }),
)

test('who may not reconcile compares nothing; staff of another biller find no file', { timeout: 120_000 }, () =>
  withTown(async town => {
    await town.payAndTell(1)
    await town.morning(1)
    const bytes = await town.fetchFile(DAY)
    const input = { billerId: 'water', day: DAY, name: 'x', bytes }
    const denied = await compareCheckFile(town.desk('billing.reconcile.read'), input)
    assert.equal(!denied.ok && denied.error.code, 'access.denied')
    const unknown = await compareCheckFile(town.ctx, { ...input, billerId: 'gas' })
    assert.equal(!unknown.ok && unknown.error.code, 'billing.biller_not_found')
    const [file] = unwrap(await listCheckFiles(town.desk('payments.reconcile.read'), DAY, DAY))
    const permissions = new Set(['billing.reconcile.read'])
    const gas = testCtx(town.kernel, { permissions, biller: { id: 'gas', accountId: 9 } })
    assert.deepEqual(unwrap(await listCheckFiles(gas, DAY, DAY)), [])
    const foreign = await readCheckFile(gas, file!.id)
    assert.equal(!foreign.ok && foreign.error.code, 'billing.check_file_not_found')
    const nobody = await listCheckFiles(town.desk(), DAY, DAY)
    assert.equal(!nobody.ok && nobody.error.code, 'access.denied')
  }),
)
