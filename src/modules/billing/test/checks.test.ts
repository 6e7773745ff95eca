import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { type Ctx, makeId, systemCtx } from '#kernel/context.ts'
import { sql } from '#kernel/db/index.ts'
import { testCtx, withTestDb } from '#kernel/db/testing.ts'
import { newCode } from '#kernel/id.ts'
import { unwrap } from '#kernel/result.ts'
import { addDays, addMs, dayOf, manualClock, startOfDay, systemClock } from '#kernel/time.ts'
import { ensureAccount } from '#modules/ledger/index.ts'
import { checkPayments, openDrawer } from '#modules/payments/index.ts'
import { startSandbox } from '../../../../sandbox/start.ts'
import { type BillerApiConfig, billerApi } from '../adapters/biller-api.ts'
import { renderCheckFile, type StatedPosting } from '../checks/layout.ts'
import { hasGrave } from '../checks/store.ts'
import {
  bringCheckFile,
  checkCheckFiles,
  decideCheckBreak,
  getBill,
  payInCash,
  runChecks,
  runPostings,
  undoPayment,
  usePort,
  viewChecks,
} from '../index.ts'
import * as store from '../store.ts'

const FIRST = '2026-11-02'
const PERMISSIONS = ['billing.check.read', 'billing.check.decide']

interface World {
  readonly ctx: Ctx
  readonly first: Ctx
  readonly second: Ctx
  readonly clock: ReturnType<typeof manualClock>
  /** Pays a new bill in cash; answers its posting once the biller was told, unless it is to be left held. */
  pay(amountFen: number, isTold?: boolean): Promise<{ postingId: string; orderCode: string; billNo: string }>
  /** To half past six of the n-th day from now, with what happens by itself then. */
  nextDay(days?: number): Promise<void>
  faults(change: Record<string, number>): Promise<unknown>
  /** The biller books something nobody told it of. */
  bookAlone(amountFen: number): Promise<string>
  open(): Promise<string[]>
  state(postingId: string): Promise<number>
  wrong(): Promise<unknown[]>
}

const withBiller = async (work: (w: World) => Promise<void>): Promise<void> => {
  const dir = mkdtempSync(join(tmpdir(), 'yimen-checks-'))
  const { biller } = await startSandbox(['biller'], { keysDir: dir, env: {} })
  try {
    const clock = manualClock(addMs(startOfDay(FIRST), 9 * 3_600_000))
    await withTestDb(
      async base => {
        const kernel = { ...base, clock }
        const as = (n: number, permissions: string[]) =>
          testCtx(kernel, { id: `01900000-0000-7000-8000-${String(n).padStart(12, '0')}`, permissions: new Set(permissions) })
        const ctx = systemCtx(kernel, 1, 'test')
        const clerk = as(1, ['payments.cash.collect'])
        const port = billerApi(biller.config as unknown as BillerApiConfig, systemClock)
        usePort(1, 'water', port)
        const accountId = makeId(ctx)
        await kernel.db.tx(1, async tx => {
          const payableAccountId = await ensureAccount(tx, ctx, '2202:water')
          const names = { nameZh: '水', nameEn: 'Water', serviceZh: '水费', serviceEn: 'Water' }
          const account = { pattern: '^1', check: 'none', length: 10, example: '1' }
          const late_fee = { grace_days: 0, rate_per_day_e6: 0 }
          const config = {
            account,
            late_fee,
            partial_payment: 'none',
            posting_window_min: 60,
            cycle_months: 2,
            query_after_min: 1e9,
            mappings: {},
          }
          await store.upsertBiller(
            tx,
            1,
            { id: 'water', ...names, unit: 'm3', payableAccountId, isOnline: true, config: config as never },
            clock.now(),
          )
          await tx.run(sql`
            insert into billing.account (tenant_id, id, biller_id, account_no, holder_mask, address_mask, is_closed, opened_at)
            values (1, ${accountId}, 'water', '1000000001', '王**', '一村', false, ${clock.now()})`)
        })
        const control = (path: string, body: object) =>
          fetch(`${biller.url}/_control/${path}`, {
            method: 'POST',
            headers: { 'content-type': 'application/json' },
            body: JSON.stringify(body),
          })
        const settle = async () => {
          await control('clock', { now: clock.now().toISOString() })
          await runPostings(kernel, 1)
          await runChecks(kernel, 1)
          await runPostings(kernel, 1)
        }
        assert.ok((await openDrawer(clerk, { drawer: 'A1', pieces: {} })).ok)
        await work({
          ...{ ctx, clock, first: as(2, PERMISSIONS), second: as(3, PERMISSIONS) },
          async pay(amountFen, isTold = true) {
            const [id, code] = [makeId(ctx), newCode(kernel.random)]
            const billNo = `W${id.slice(-10)}`
            await kernel.db.tx(1, tx =>
              tx.run(sql`
                insert into billing.bill (tenant_id, id, code, biller_id, account_id, bill_no, period_from, period_to, amount_fen, due_on, lines, issued_at)
                values (1, ${id}, ${code}, 'water', ${accountId}, ${billNo}, '2026-09', '2026-10', ${amountFen}, '2099-01-01', '[]', ${clock.now()})`),
            )
            const { quote } = unwrap(await getBill(ctx, code, []))
            const { orderId } = unwrap(await payInCash(clerk, { quote, tenderedFen: amountFen, idempotencyKey: newCode(kernel.random) }))
            if (isTold) {
              clock.advance(11 * 60_000)
              await settle()
            }
            const [row] = await kernel.db.read(1, tx =>
              tx.rows<{ id: string; code: string }>(sql`
                select p.id, o.code from billing.posting p join payments."order" o on o.id = p.order_id where p.order_id = ${orderId}`),
            )
            return { postingId: row!.id, orderCode: row!.code, billNo }
          },
          async nextDay(days = 1) {
            clock.set(addMs(startOfDay(addDays(dayOf(clock.now()), days)), 6.5 * 3_600_000))
            await settle()
          },
          faults: change => control('faults', change),
          async bookAlone(amountFen) {
            const postingNo = makeId(ctx)
            const answer = await port.post({
              ...{ postingNo, billerId: 'water', billNo: 'X1', accountNo: '1000000001', amountFen, lateFeeFen: 0, rebateFen: 0 },
              paidAt: clock.now(),
            })
            assert.equal(answer.kind, 'posted')
            return postingNo
          },
          open: async () =>
            unwrap(await viewChecks(as(2, PERMISSIONS), '2026-01-01', '2027-01-01')).open.map(b => `${b.class} ${b.severity} ${b.day}`),
          state: async id =>
            (await kernel.db.read(1, tx => tx.one<{ state: number }>(sql`select state from billing.posting where id = ${id}`))).state,
          wrong: async () => [...(await checkCheckFiles(kernel.db, 1)), ...(await checkPayments(kernel.db, 1))].filter(c => c.ok === false),
        })
      },
      { clock },
    )
  } finally {
    await biller.stop()
    rmSync(dir, { recursive: true })
  }
}

const fileOf = (day: string, rows: readonly Partial<StatedPosting>[]): Buffer =>
  renderCheckFile(
    day,
    rows.map(row => ({
      ...{ postingNo: '', billNo: 'W1', accountNo: '1000000001', amountFen: 1, isReversed: false, paidAt: '2026-11-02T01:00:00.000Z' },
      ...row,
    })),
  )

test('each morning what billers state is compared with what they were told; when all agrees nobody hears of it', () =>
  withBiller(async ({ ctx, first, pay, nextDay, open, wrong }) => {
    await pay(5_000)
    await pay(7_000)
    await nextDay()
    const seen = unwrap(await viewChecks(first, '2026-01-01', '2027-01-01'))
    assert.deepEqual(
      seen.files.map(f => [f.day, f.rows, f.totalFen]),
      [[FIRST, 2, 12_000]],
    )
    await nextDay()
    assert.deepEqual(await open(), [])
    assert.deepEqual(await wrong(), [])
    const files = await ctx.kernel.db.read(1, tx => tx.rows(sql`select day from billing.check_file`))
    await runChecks(ctx.kernel, 1)
    assert.equal((await ctx.kernel.db.read(1, tx => tx.rows(sql`select day from billing.check_file`))).length, files.length)
  }))

test('a posting a file leaves out is asked about, waits for another file and ends when it is stated', () =>
  withBiller(async ({ first, pay, nextDay, faults, open, state, wrong }) => {
    const { postingId, billNo } = await pay(5_000)
    await faults({ check_omit: 1 })
    await nextDay()
    assert.deepEqual(await open(), [], 'it may stand in the file of the next day')
    await nextDay()
    assert.deepEqual(await open(), [`biller_missing 2 ${FIRST}`])
    assert.equal(await state(postingId), 3, 'asked again, and it says it is booked')
    assert.deepEqual(await wrong(), [])
    await nextDay(3)
    assert.deepEqual(await open(), [`biller_missing 1 ${FIRST}`], 'grave when it has waited for days')
    const corrected = fileOf(FIRST, [{ postingNo: postingId, billNo, amountFen: 5_000 }])
    const brought = await bringCheckFile(first, { billerId: 'water', name: 'check.txt', bytes: corrected })
    assert.deepEqual(brought.ok && brought.value, { kind: 'taken', rows: 1, breaks: 0 })
    assert.deepEqual(await open(), [])
    const again = await bringCheckFile(first, { billerId: 'water', name: 'check.txt', bytes: corrected })
    assert.deepEqual(again.ok && again.value, { kind: 'known' })
    assert.deepEqual(await wrong(), [])
  }))

test('what a biller booked and nobody told it of is for a person, one is enough; another amount takes two and stops settlements', () =>
  withBiller(async ({ ctx, first, second, pay, bookAlone, nextDay, open, wrong }) => {
    const { postingId, billNo } = await pay(5_000)
    await bookAlone(800)
    await nextDay()
    assert.deepEqual(await open(), [`biller_only 2 ${FIRST}`])
    const grave = () => ctx.kernel.db.read(1, tx => hasGrave(tx, 1, 'water', FIRST))
    assert.equal(await grave(), false)
    const other = fileOf(FIRST, [{ postingNo: postingId, billNo, amountFen: 5_001 }])
    assert.ok((await bringCheckFile(first, { billerId: 'water', name: 'x', bytes: other })).ok)
    assert.deepEqual(await open(), [`amount 1 ${FIRST}`], 'the corrected file knows nothing of what was booked alone')
    assert.equal(await grave(), true)
    assert.deepEqual(await wrong(), [])
    const [b] = unwrap(await viewChecks(first, FIRST, FIRST)).open
    const decide = async (who: Ctx, reason = 'biller_corrects', note = '') => {
      const done = await decideCheckBreak(who, { id: b!.id, reason, note })
      return done.ok ? done.value : done.error.code
    }
    assert.equal(await decide(first, 'nonsense'), 'billing.check_reason_missing')
    assert.equal(await decide(first, 'other'), 'billing.check_note_missing')
    assert.equal(await decide(first), 'proposed')
    assert.equal(await decide(first), 'billing.check_second_person')
    assert.equal(await decide(second), 'resolved')
    assert.equal(await decide(second), 'billing.check_break_over')
    assert.equal(await grave(), false)
    assert.deepEqual(await wrong(), [])
  }))

test('what a biller still holds although its payer has the money back is asked back by itself', () =>
  withBiller(async ({ ctx, first, clock, pay, nextDay, open, state, wrong }) => {
    const { postingId, orderCode, billNo } = await pay(5_000, false)
    const { payer } = await ctx.kernel.db.read(1, tx =>
      tx.one<{ payer: string }>(sql`select payer from payments."order" where code = ${orderCode}`),
    )
    assert.ok((await undoPayment(ctx, { orderCode, payers: [payer], idempotencyKey: 'a'.repeat(26) })).ok)
    assert.equal(await state(postingId), 7)
    clock.set(addMs(startOfDay(addDays(FIRST, 1)), 7 * 3_600_000))
    const file = (isReversed: boolean) => fileOf(FIRST, [{ postingNo: postingId, billNo, amountFen: 5_000, isReversed }])
    assert.ok((await bringCheckFile(first, { billerId: 'water', name: 'x', bytes: file(false) })).ok)
    assert.deepEqual(await open(), [`biller_only 2 ${FIRST}`])
    assert.equal(await state(postingId), 6, 'asked back')
    for (let i = 0; i < 6; i++) {
      clock.advance(3_600_000)
      await runPostings(ctx.kernel, 1)
    }
    assert.equal(await state(postingId), 7)
    assert.ok((await bringCheckFile(first, { billerId: 'water', name: 'x', bytes: file(true) })).ok)
    assert.deepEqual(await open(), [])
    await nextDay()
    assert.deepEqual(await wrong(), [])
  }))

test('a file cut off is not taken and asked for again; nobody brings a file of a day that is not over', () =>
  withBiller(async ({ ctx, first, clock, pay, nextDay, faults, open }) => {
    await pay(5_000)
    await faults({ check_cut: 1 })
    await nextDay()
    const seen = unwrap(await viewChecks(first, FIRST, FIRST))
    assert.deepEqual([seen.files.length, seen.waits.map(w => w.day)], [0, [FIRST]])
    await faults({ check_cut: 0 })
    clock.advance(11 * 60_000)
    await runChecks(ctx.kernel, 1)
    assert.equal(unwrap(await viewChecks(first, FIRST, FIRST)).files.length, 1)
    assert.deepEqual(await open(), [])
    const today = await bringCheckFile(first, { billerId: 'water', name: 'x', bytes: fileOf(dayOf(clock.now()), []) })
    assert.equal(today.ok ? '' : today.error.code, 'billing.check_refused')
    const nobody = await bringCheckFile(ctx, { billerId: 'gas', name: 'x', bytes: fileOf(FIRST, []) })
    assert.equal(nobody.ok ? '' : nobody.error.code, 'billing.biller_not_found')
    const none = await viewChecks(testCtx(ctx.kernel as never, { permissions: new Set() }), FIRST, FIRST)
    assert.equal(none.ok, false)
  }))
