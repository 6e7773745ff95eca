import assert from 'node:assert/strict'
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import fc from 'fast-check'
import { systemCtx } from '#kernel/context.ts'
import { testCtx, withTestDb } from '#kernel/db/testing.ts'
import { unwrap } from '#kernel/result.ts'
import { addDays, addMs, dayOf, manualClock, startOfDay } from '#kernel/time.ts'
import { wechatRow } from '../../../../test/support/statement.ts'
import {
  halfOfWechat,
  parseWechatStatement,
  readWechatStatement,
  renderWechatStatement,
  type WechatRow,
} from '../adapters/wechat/statement.ts'
import { bringStatement, recordPaid, viewReconciliation } from '../index.ts'
import { StatementRefused } from '../ports.ts'
import { openOrders, PAID_AT } from './support.ts'

const DAY = dayOf(PAID_AT)
const AT = addMs(startOfDay(DAY), 12 * 3_600_000)

const payment = (txnNo: string, fen: number): WechatRow =>
  wechatRow({ tradedAt: AT, transactionId: txnNo, outTradeNo: `o${txnNo}`, settlementFen: fen, orderFen: fen, feeE5: fen * 6 })
const refund = (no: string, fen: number): WechatRow =>
  wechatRow({
    ...{ tradedAt: AT, refundRequestedAt: AT, refundedAt: AT, transactionId: `t${no}`, outTradeNo: `o${no}`, tradeState: 'REFUND' },
    ...{ refundId: `5${no}`, outRefundNo: no, refundFen: fen, refundAppliedFen: fen, refundState: 'SUCCESS', feeE5: -fen * 6 },
  })
const days = fc.record({
  payments: fc.array(fc.integer({ min: 1, max: 10 ** 7 }), { maxLength: 5 }),
  refunds: fc.array(fc.integer({ min: 1, max: 10 ** 7 }), { maxLength: 4 }),
})
const tables = (given: { payments: readonly number[]; refunds: readonly number[] }) => ({
  success: Buffer.from(
    renderWechatStatement(
      'success',
      given.payments.map((fen, i) => payment(`42${i}`, fen)),
    ),
  ),
  refund: Buffer.from(
    renderWechatStatement(
      'refund',
      given.refunds.map((fen, i) => refund(`R${i}`, fen)),
    ),
  ),
})
const read = async (pieces: readonly Buffer[]) => {
  const lines = []
  for await (const line of readWechatStatement(pieces, DAY)) lines.push(`${line.kind} ${line.amountFen} ${line.feeE5}`)
  return lines
}
const codeOf = async (pieces: readonly Buffer[]) =>
  read(pieces).then(
    () => 'read',
    error => {
      assert.ok(error instanceof StatementRefused, String(error))
      return error.code
    },
  )

test('the two tables one after the other say what the table of all says', async () => {
  await fc.assert(
    fc.asyncProperty(days, fc.integer({ min: 1, max: 300 }), async (given, size) => {
      const { success, refund: back } = tables(given)
      const whole = Buffer.concat([success, back])
      const pieces = Array.from({ length: Math.ceil(whole.length / size) }, (_, i) => whole.subarray(i * size, (i + 1) * size))
      const wanted = [...given.payments.map(fen => `pay ${fen} ${fen * 6}`), ...given.refunds.map(fen => `refund ${fen} ${-fen * 6}`)]
      assert.deepEqual(await read(pieces), wanted)
      assert.deepEqual([halfOfWechat([success]), halfOfWechat([back])], ['success', 'refund'])
    }),
    { numRuns: 60 },
  )
})

test('either alone, cut off anywhere, or in the wrong table, is refused', async () => {
  await fc.assert(
    fc.asyncProperty(days, fc.nat(), async (given, place) => {
      const { success, refund: back } = tables(given)
      assert.deepEqual([await codeOf([success]), await codeOf([back]), await codeOf([back, success])], ['half', 'half', 'half'])
      const whole = Buffer.concat([success, back])
      const wanted = await read([whole])
      const cut = whole.subarray(0, place % whole.length)
      // Only the line's end after the last figure may be missing, or zeros the figures need not print.
      if ((await codeOf([cut])) === 'read') assert.deepEqual(await read([cut]), wanted)
    }),
    { numRuns: 120 },
  )
  const wrong = Buffer.from(renderWechatStatement('success', [{ ...refund('R1', 5) }]))
  assert.equal(await codeOf([wrong, tables({ payments: [], refunds: [] }).refund]), 'cell')
})

test('the day is judged when both tables are in, in either order; a table brought again takes the place of the first', () =>
  withTestDb(
    async kernel => {
      const ctx = systemCtx(kernel, 1, 'test')
      const orders = await openOrders(ctx, 3)
      const rows: WechatRow[] = []
      for (const [i, { attempts, amountFen }] of orders.entries()) {
        await recordPaid(ctx, { attemptId: attempts[0]!, txnNo: `42${i}`, amountFen, paidAt: PAID_AT })
        rows.push({ ...payment(`42${i}`, amountFen), tradedAt: new Date(Math.floor(PAID_AT.getTime() / 1_000) * 1_000) })
      }
      const success = (stated: readonly WechatRow[]) => Buffer.from(renderWechatStatement('success', stated))
      const back = Buffer.from(renderWechatStatement('refund', []))
      const bring = async (name: string, bytes: Buffer) =>
        unwrap(await bringStatement(ctx, { channel: 'wechat', day: DAY, file: { name, pieces: () => [bytes] } })).outcome
      const seen = async () => {
        const view = unwrap(await viewReconciliation(ctx, DAY, DAY))
        return { statements: view.statements.map(s => `${s.rows} ${s.name}`), open: view.open.map(b => b.class) }
      }
      assert.equal(await bring('s', success(rows.slice(1))), 'half')
      assert.deepEqual(await seen(), { statements: [], open: [] }, 'nothing looks missing yet')
      assert.equal(await bring('r', back), 'reconciled')
      assert.deepEqual(await seen(), { statements: ['2 s+r'], open: ['ledger_only'] })
      assert.equal(await bring('s2', success(rows)), 'reconciled')
      assert.deepEqual(await seen(), { statements: ['3 s2+r'], open: [] })
      assert.equal(await bring('r', back), 'unchanged')
      await assert.rejects(bring('cut', success(rows).subarray(0, -40)), StatementRefused)
      assert.deepEqual(await seen(), { statements: ['3 s2+r'], open: [] })
      const file = { name: 's', pieces: () => [success(rows)] }
      await assert.rejects(bringStatement(ctx, { channel: 'wechat', day: addDays(DAY, 1), file }), StatementRefused)
      const denied = await bringStatement(testCtx(kernel), { channel: 'wechat', day: DAY, file })
      assert.equal(!denied.ok && denied.error.code, 'access.denied')
    },
    { clock: manualClock(addMs(AT, 24 * 3_600_000)) },
  ))

const real = process.env.YIMEN_REAL_DATA && join(process.env.YIMEN_REAL_DATA, 'wechat')
test('the published examples of both tables are read to their footers, whose counts they do not hold', {
  skip: real && existsSync(real) ? false : 'YIMEN_REAL_DATA is not set',
}, () => {
  for (const [name, half] of [
    ['bill-success-20col.csv', 'success'],
    ['bill-refund-29col.csv', 'refund'],
  ] as const) {
    const bytes = readFileSync(join(real!, name))
    assert.equal(halfOfWechat([bytes]), half)
    // Each shows one row of a longer bill: it is read, and then the totals are not those of one row.
    const rows = parseWechatStatement(bytes.toString('utf8'))
    assert.equal((rows.next().value as WechatRow).tradeState, half === 'success' ? 'SUCCESS' : 'REFUND')
    assert.throws(() => rows.next(), { code: 'count' })
  }
})
