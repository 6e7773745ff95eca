import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import iconv from 'iconv-lite'
import { systemCtx } from '#kernel/context.ts'
import { sql } from '#kernel/db/index.ts'
import { type TestKernel, testCtx, withTestDb } from '#kernel/db/testing.ts'
import { unwrap } from '#kernel/result.ts'
import { manualClock, systemClock } from '#kernel/time.ts'
import { closeOrder, openDrawer, refundOrder } from '#modules/payments/index.ts'
import { type SandboxProcess, startSandbox } from '../../../../sandbox/start.ts'
import { type BillerApiConfig, billerApi, ensureClient, getBill, payBills, payInCash, quotePart } from '../index.ts'
import { HEADER, ROW_A, registerWater, take, waterConfig } from './import-support.ts'

const PAYER = 'browser:a'
const MINUTE_MS = 60_000

interface World {
  readonly kernel: TestKernel
  readonly clock: ReturnType<typeof manualClock>
  readonly code: string
  readonly biller: SandboxProcess
}

/** The small water company of the import tests with one bill, and its own system as a process that knows the account. */
async function withBiller(work: (at: World) => Promise<void>): Promise<void> {
  const dir = mkdtempSync(join(tmpdir(), 'yimen-refresh-'))
  // The stand-in checks time stamps against the real time: all of it happens within minutes.
  const clock = manualClock(new Date(Date.now() - 2 * MINUTE_MS).toISOString())
  const { biller } = await startSandbox(['biller'], { keysDir: dir })
  try {
    await withTestDb(
      async kernel => {
        await registerWater(kernel, { ...waterConfig, query_after_min: 2 })
        await take(kernel, iconv.encode(HEADER + ROW_A, 'gb18030'))
        const ctx = systemCtx(kernel, 1, 'test')
        const { code } = await kernel.db.read(1, tx => tx.one<{ code: string }>(sql`select code from billing.bill where tenant_id = 1`))
        const { clientId, secret, baseUrl } = biller.config as unknown as BillerApiConfig
        unwrap(await ensureClient(ctx, { billerId: 'water', purpose: 'call', clientId, secret, baseUrl }))
        await work({ kernel, clock, code, biller })
      },
      { clock },
    )
  } finally {
    await biller.stop()
    rmSync(dir, { recursive: true })
  }
}

const tell = async (biller: SandboxProcess, path: string, body: object) =>
  assert.ok(
    (
      await fetch(`${biller.url}/_control/${path}`, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify(body),
      })
    ).ok,
  )

const W1 = { bill_no: 'W1', account_no: '1045333141', amount_fen: 8_000, period: '2026-08', due_on: '2026-09-30' }
const W9 = { bill_no: 'W9', account_no: '1045333141', amount_fen: 5_100, period: '2026-10', due_on: '2026-12-15', title: '水费' }
const STRANGE = { ...W9, bill_no: 'W8', account_no: '1078932884' }

test('a bill looked at after a while is asked after: corrected, with newer ones beside it, and since when we know', () =>
  withBiller(async ({ kernel, clock, code, biller }) => {
    const ctx = systemCtx(kernel, 1, 'test')
    await tell(biller, 'bills', { bills: [W1, W9, STRANGE] })
    const fresh = unwrap(await getBill(ctx, code, [PAYER]))
    assert.equal(fresh.bill.amountFen, 7_440, 'what came in a moment ago is not asked after')
    clock.advance(3 * MINUTE_MS)
    const later = unwrap(await getBill(ctx, code, [PAYER]))
    assert.equal(later.bill.amountFen, 8_000)
    assert.deepEqual(
      later.bill.lines.map(line => line.amount_fen),
      [8_000],
      'the lines still add up',
    )
    assert.equal(later.bill.asOf.getTime(), clock.now().getTime())
    const rows = await kernel.db.read(1, tx =>
      tx.rows<{ no: string }>(sql`select bill_no as no from billing.bill where tenant_id = 1 order by 1`),
    )
    assert.deepEqual(
      rows.map(row => row.no),
      ['W1', 'W9'],
      'the account of somebody else is none of our business',
    )
    await tell(biller, 'bills', { bills: [{ ...W1, amount_fen: 1 }] })
    clock.advance(1.5 * MINUTE_MS)
    assert.equal(unwrap(await getBill(ctx, code, [PAYER])).bill.amountFen, 8_000, 'nobody is asked twice within the time')
  }))

test('a bill somebody is paying stays as it is', () =>
  withBiller(async ({ kernel, clock, code, biller }) => {
    const ctx = systemCtx(kernel, 1, 'test')
    const { quote } = unwrap(await getBill(ctx, code, [PAYER]))
    unwrap(await payBills(ctx, { quote, idempotencyKey: 'k'.repeat(20), payer: PAYER, place: 'phone' }))
    await tell(biller, 'bills', { bills: [W1] })
    clock.advance(3 * MINUTE_MS)
    const seen = unwrap(await getBill(ctx, code, [PAYER]))
    assert.equal(seen.bill.amountFen, 7_440)
    assert.equal(seen.bill.asOf.getTime(), clock.now().getTime())
  }))

/** Ten yuan of the bill taken at the window; asked anew after that. */
async function partPaid({ kernel, clock, code, biller }: World) {
  const ctx = systemCtx(kernel, 1, 'test')
  await kernel.db.tx(1, tx => tx.run(sql`update billing.biller set config = jsonb_set(config, '{late_fee,part_min_fen}', '100')`))
  const clerk = testCtx(kernel, { id: '01900000-0000-7000-8000-000000000001', permissions: new Set(['payments.cash.collect']) })
  unwrap(await openDrawer(clerk, { drawer: 'A1', pieces: {} }))
  const shown = unwrap(await getBill(ctx, code, []))
  const { quote } = unwrap(await quotePart(ctx, shown, 1_000))
  const part = unwrap(await payInCash(clerk, { quote, tenderedFen: 1_000, idempotencyKey: 'a'.repeat(26) }))
  const { billNo, amountFen } = shown.bill
  return {
    ...{ ctx, part, amountFen },
    list: (listed = amountFen) => tell(biller, 'bills', { bills: [{ ...W1, bill_no: billNo, amount_fen: listed }] }),
    async look() {
      await kernel.db.tx(1, tx => tx.run(sql`update billing.account set asked_at = null, tried_at = null`))
      clock.advance(2.1 * MINUTE_MS)
      return unwrap(await getBill(ctx, code, [PAYER]))
    },
    /** The whole bill paid at the biller's own counter. */
    async payElsewhere() {
      const { clientId, secret, baseUrl } = biller.config as unknown as BillerApiConfig
      const port = billerApi({ clientId, secret, baseUrl }, systemClock)
      const posting = { postingNo: 'elsewhere', billNo, accountNo: W1.account_no, amountFen, lateFeeFen: 0, rebateFen: 0 }
      assert.equal((await port.post({ ...posting, paidAt: new Date() })).kind, 'posted')
      return port
    },
  }
}

test('of a bill paid here in part the rest may be paid elsewhere; taken back there, it is open again', () =>
  withBiller(async world => {
    const { ctx, part, list, look, payElsewhere, amountFen } = await partPaid(world)
    assert.ok(unwrap(await getBill(ctx, world.code, [])).restFen > 0)
    await list()
    const port = await payElsewhere()
    assert.ok((await look()).checks.some(check => check.key === 'paid'))
    await world.kernel.db.tx(1, async tx => unwrap(await refundOrder(tx, ctx, part.orderId, 'biller_refused')))
    assert.ok(
      (await look()).checks.some(check => check.key === 'paid'),
      'the biller still says so',
    )
    await port.reverse('elsewhere')
    const open = await look()
    assert.equal(
      open.checks.find(check => check.key === 'paid'),
      undefined,
    )
    assert.ok(open.restFen >= amountFen)
  }))

test('a biller that is away costs a bounded wait once; the bill is shown with its date and a warning, and back to normal after', () =>
  withBiller(async ({ kernel, clock, code, biller }) => {
    const ctx = systemCtx(kernel, 1, 'test')
    const issuedAt = clock.now()
    await tell(biller, 'faults', { create_delay_ms: 20_000 })
    clock.advance(3 * MINUTE_MS)
    const began = performance.now()
    const seen = unwrap(await getBill(ctx, code, [PAYER]))
    assert.ok(performance.now() - began < 2_500, 'the wait is bounded')
    const offline = seen.checks.find(check => check.key === 'offline')
    assert.deepEqual(offline, { level: 'warn', key: 'offline', params: { as_of: issuedAt.toISOString() } })
    assert.equal(seen.bill.amountFen, 7_440)
    const again = performance.now()
    unwrap(await getBill(ctx, code, [PAYER]))
    assert.ok(performance.now() - again < 1_000, 'the next visitor does not wait')
    await tell(biller, 'faults', { create_delay_ms: 0 })
    clock.advance(1.5 * MINUTE_MS)
    const well = unwrap(await getBill(ctx, code, [PAYER]))
    assert.ok(well.checks.some(check => check.key === 'biller_ok'))
  }))

test('what cannot be written down does not keep a bill from being read', () =>
  withBiller(async ({ kernel, clock, code }) => {
    clock.advance(3 * MINUTE_MS)
    const full = { ...kernel, db: { ...kernel.db, tx: () => Promise.reject(new Error('no room left')) } }
    assert.ok((await getBill(systemCtx(full, 1, 'test'), code, [PAYER])).ok)
  }))

test('what a biller lists of a bill paid in part is not believed, also when an order for the rest was given up', { timeout: 60_000 }, () =>
  withBiller(async world => {
    const { ctx, list, look, amountFen } = await partPaid(world)
    const rest = unwrap(await getBill(ctx, world.code, [PAYER]))
    const order = unwrap(await payBills(ctx, { quote: rest.quote, idempotencyKey: 'k'.repeat(20), payer: PAYER, place: 'phone' }))
    assert.equal(await closeOrder(ctx, order.orderId, 'cancelled_by_payer'), 'closed')
    await list(amountFen - 1_000)
    assert.equal((await look()).bill.amountFen, amountFen)
  }),
)
