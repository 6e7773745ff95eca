import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type Kernel, systemCtx } from '#kernel/context.ts'
import { sql } from '#kernel/db/index.ts'
import { testCtx, withTestDb } from '#kernel/db/testing.ts'
import { manualClock } from '#kernel/time.ts'
import { checkPast, importPast, listOpenBills, listPastPayments } from '../index.ts'
import { waterConfig } from './import-support.ts'
import { ACCOUNT_A, ACCOUNT_B, fileOf, paymentsMapping, type Row, takePast, withWaterBills } from './past-support.ts'

const clock = manualClock('2026-11-02T02:00:00Z')
const withWater = (work: (kernel: Kernel) => Promise<void>, bills = [{ no: 'W9', fen: 7_440 }]): Promise<void> =>
  withTestDb(
    async base => {
      const kernel = { ...base, clock }
      await withWaterBills(kernel, bills)
      await work(kernel)
    },
    { clock },
  )

const accountId = async (kernel: Kernel, no = ACCOUNT_A): Promise<string> =>
  (await kernel.db.read(1, tx => tx.one<{ id: string }>(sql`select id from billing.account where tenant_id = 1 and account_no = ${no}`))).id

const seen = async (kernel: Kernel, no = ACCOUNT_A) =>
  (await listPastPayments(systemCtx(kernel, 1, 'test'), await accountId(kernel, no))).payments

/** Everything money could have left behind. */
const booked = (kernel: Kernel) =>
  kernel.db.read(1, tx =>
    tx.one<{ journals: number; orders: number; postings: number; receipts: number }>(sql`
      select (select count(*)::int from ledger.journal where tenant_id = 1) as journals, (select count(*)::int from payments."order" where tenant_id = 1) as orders,
        (select count(*)::int from billing.posting where tenant_id = 1) as postings, (select count(*)::int from billing.receipt where tenant_id = 1) as receipts`),
  )
const kept = async (kernel: Kernel): Promise<number> =>
  (await kernel.db.read(1, tx => tx.one<{ n: number }>(sql`select count(*)::int as n from billing.past_payment where tenant_id = 1`))).n
const codes = (report: { errors: readonly { line: number; code: string }[] }) => report.errors.map(e => `${e.line} ${e.code}`)

test('what the system before took can be looked up by account, and is neither booked nor due', () =>
  withWater(async kernel => {
    const before = await booked(kernel)
    const rows: Row[] = [
      { on: '2025-02-03', no: 'L1', bill: 'OLD1', fen: 5_120 },
      { on: '2026-08-19', no: 'L2', bill: 'OLD2', fen: 6_300, channel: '窗口现金' },
      { on: '2026-08-20', no: 'L3', account: ACCOUNT_B, fen: 100 },
      { on: '2026-08-21', no: 'L4', fen: 6_300, status: '已冲正' },
    ]
    const report = await takePast(kernel, fileOf(rows))
    assert.deepEqual(
      [report.outcome, report.rows, report.voidRows, report.totalFen, report.newPayments, report.unknownAccounts],
      ['imported', 4, 1, 11_520, 3, 1],
    )
    const listed = (await seen(kernel)).map(p => [p.paidOn, p.paymentNo, p.billNo, p.amountFen, p.channel])
    assert.deepEqual(listed, [
      ['2026-08-19', 'L2', 'OLD2', 6_300, '窗口现金'],
      ['2025-02-03', 'L1', 'OLD1', 5_120, '微信'],
    ])
    assert.deepEqual(await booked(kernel), before)
    const open = await listOpenBills(systemCtx(kernel, 1, 'test'), [await accountId(kernel)])
    assert.deepEqual(
      open.map(state => state.bill.billNo),
      ['W9'],
    )
    assert.deepEqual(
      (await checkPast(kernel.db, 1)).map(c => c.ok),
      [true, true],
    )
  }))

test('the same file again changes nothing; another that overlaps adds what is new', () =>
  withWater(async kernel => {
    const first = fileOf([{ no: 'L1' }, { no: 'L2' }])
    assert.equal((await takePast(kernel, first)).outcome, 'imported')
    assert.equal((await takePast(kernel, first)).outcome, 'unchanged')
    const more = await takePast(kernel, fileOf([{ no: 'L2' }, { no: 'L3' }, { no: 'L3' }]))
    assert.deepEqual([more.outcome, more.newPayments, more.samePayments, await kept(kernel)], ['imported', 1, 2, 3])
    assert.deepEqual(
      (await checkPast(kernel.db, 1)).map(c => c.ok),
      [true, true],
    )
  }))

test('a dry run reads everything and keeps nothing', () =>
  withWater(async kernel => {
    const report = await takePast(kernel, fileOf([{ no: 'L1' }, { no: 'L2' }]), { dryRun: true })
    assert.deepEqual([report.outcome, report.newPayments, await kept(kernel)], ['checked', 2, 0])
    assert.equal((await takePast(kernel, fileOf([{ no: 'L1' }, { no: 'L2' }]))).outcome, 'imported')
  }))

test('a file is refused whole, with every fault of every row', () =>
  withWater(async kernel => {
    const rows: Row[] = [
      { no: 'L1' },
      { no: 'L2', account: '1045333142' },
      { no: 'L3', on: '2026-11-03' },
      { no: 'L4', fen: 0 },
      { no: '', on: '2026-02-30', fen: 1 },
    ]
    const report = await takePast(kernel, fileOf(rows))
    assert.equal(report.outcome, 'refused')
    assert.deepEqual(codes(report), ['3 account_no', '4 day_outside', '5 amount', '6 date', '6 cell_missing'])
    assert.equal(await kept(kernel), 0)
  }))

test('a number used before with other content is refused, in the file or from an earlier one', () =>
  withWater(async kernel => {
    assert.equal((await takePast(kernel, fileOf([{ no: 'L1', fen: 100 }]))).outcome, 'imported')
    const other = await takePast(kernel, fileOf([{ no: 'L0' }, { no: 'L1', fen: 101 }]))
    assert.deepEqual([other.outcome, codes(other)], ['refused', ['3 payment_repeated']])
    const inside = await takePast(kernel, fileOf([{ no: 'L5' }, { no: 'L5', bill: 'W2' }]))
    assert.deepEqual([inside.outcome, codes(inside)], ['refused', ['3 payment_repeated']])
    assert.equal(await kept(kernel), 1)
  }))

test('a file that is cut off anywhere is refused', () =>
  withWater(async kernel => {
    const whole = fileOf([{ no: 'L1' }, { no: 'L2' }, { no: 'L3' }])
    for (let bytes = 0; bytes < whole.length - 1; bytes += 7) {
      const report = await takePast(kernel, whole.subarray(0, bytes))
      assert.equal(report.outcome, 'refused', `${bytes} bytes`)
    }
    assert.equal(await kept(kernel), 0)
  }))

test('fixed width in GB18030 and JSON lines are read by the same declaration', () =>
  withWater(async kernel => {
    const { delimiter: _, has_header: __, trailer: ___, ...layout } = paymentsMapping
    let start = 1
    const columns = layout.columns.map((c, i) => {
      const width = [10, 6, 10, 6, 10, 8, 6][i]!
      start += width
      return { ...c, start: start - width, width }
    })
    const fixed = { ...layout, format: 'fixed_width', encoding: 'GB18030', first_data_row: 1, columns }
    const head = '2026-10-08L00001'
    const bytes = Buffer.concat([
      Buffer.from(`${head}${ACCOUNT_A}W1    74.40     `),
      Buffer.from([0xce, 0xa2, 0xd0, 0xc5]),
      Buffer.from('    '),
      Buffer.from([0xd5, 0xfd, 0xb3, 0xa3]),
      Buffer.from('  \n'),
    ])
    assert.equal((await takePast(kernel, bytes, { mapping: fixed })).outcome, 'imported')
    const { first_data_row: _____, encoding: ______, ...json } = { ...layout, format: 'json' }
    const line = {
      paid_on: '2026-10-09',
      payment_no: 'L00002',
      account_no: ACCOUNT_A,
      bill_no: 'W2',
      amount: '1.05',
      channel: '',
      status: '',
    }
    assert.equal((await takePast(kernel, Buffer.from(`${JSON.stringify(line)}\n`), { mapping: json })).outcome, 'imported')
    assert.deepEqual(
      (await seen(kernel)).map(p => [p.paymentNo, p.amountFen, p.channel]),
      [
        ['L00002', 105, null],
        ['L00001', 7_440, '微信'],
      ],
    )
  }))

test('23,000 payments of an account list are taken in one go, and shown page by page', () =>
  withWater(async kernel => {
    const rows = Array.from(
      { length: 23_000 },
      (_, i): Row => ({ no: `L${i}`, fen: 1 + (i % 90_000), account: i % 230 === 0 ? ACCOUNT_A : ACCOUNT_B }),
    )
    const report = await takePast(kernel, fileOf(rows))
    assert.deepEqual([report.outcome, report.newPayments], ['imported', 23_000])
    const ctx = systemCtx(kernel, 1, 'test')
    const id = await accountId(kernel)
    const pages = await Promise.all([1, 2, 5].map(page => listPastPayments(ctx, id, page)))
    assert.deepEqual(
      pages.map(p => [p.payments.length, p.total, p.pages]),
      [
        [24, 100, 5],
        [24, 100, 5],
        [4, 100, 5],
      ],
    )
  }))

test('without a declared layout nothing is guessed; an unknown biller and a broken layout are named', () =>
  withTestDb(async kernel => {
    await withWaterBills(kernel, [])
    const ctx = systemCtx(kernel, 1, 'test')
    const nobody = await importPast(ctx, { billerId: 'nobody', bytes: fileOf([]), fileName: 'x' })
    assert.equal(!nobody.ok && nobody.error.code, 'billing.biller_not_found')
    const broken = await importPast(ctx, {
      billerId: 'water',
      bytes: fileOf([]),
      fileName: 'x',
      mapping: { ...paymentsMapping, payment: {} },
    })
    assert.equal(!broken.ok && broken.error.code, 'billing.mapping_malformed')
    const odd = { ...paymentsMapping, payment: { ...paymentsMapping.payment, amount: 'channel' } }
    const noMoney = await importPast(ctx, { billerId: 'water', bytes: fileOf([]), fileName: 'x', mapping: odd })
    assert.match(String(!noMoney.ok && noMoney.error.params?.why), /channel is money/)
    assert.equal(waterConfig.mappings.payments, undefined)
  }))

test('only those who may import do', () =>
  withTestDb(async kernel => {
    const denied = await importPast(testCtx(kernel), { billerId: 'water', bytes: fileOf([]), fileName: 'x' })
    assert.equal(!denied.ok && denied.error.code, 'access.denied')
  }))
