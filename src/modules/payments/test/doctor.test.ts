import assert from 'node:assert/strict'
import { test } from 'node:test'
import pg from 'pg'
import { systemCtx } from '#kernel/context.ts'
import { withTestDb } from '#kernel/db/testing.ts'
import { checkPayments, recordPaid } from '../index.ts'
import { openOrders, PAID_AT } from './support.ts'

const ORDERS = 40_000
/** Row by row this many orders and attempts are 1.6 thousand million comparisons, half a minute. */
const CHECK_MS_MAX = 10_000

test('the check of many paid orders reads each table once', () =>
  withTestDb(async kernel => {
    const ctx = systemCtx(kernel, 1, 'test')
    const [open] = await openOrders(ctx, 1)
    const { attempts, amountFen, orderId } = open!
    assert.equal(await recordPaid(ctx, { attemptId: attempts[0]!, txnNo: '420000', amountFen, paidAt: PAID_AT }), 'applied')
    const owner = new pg.Client({ connectionString: kernel.owner })
    await owner.connect()
    await owner.query(
      `with pair as materialized (select i, gen_random_uuid() as o, gen_random_uuid() as a from generate_series(1, ${ORDERS}) as i),
       orders as (
         insert into payments."order" select (jsonb_populate_record(x, jsonb_build_object('id', o, 'code', o, 'paid_attempt_id', a, 'paid_txn_no', i::text))).*
         from payments."order" x, pair where x.id = $1),
       journals as (
         insert into ledger.journal select (jsonb_populate_record(x, jsonb_build_object('about', a, 'ref', 'wechat:' || i))).*
         from ledger.journal x, pair where x.about = $2)
       insert into payments.attempt select (jsonb_populate_record(x, jsonb_build_object('id', a, 'order_id', o, 'out_trade_no', a))).*
       from payments.attempt x, pair where x.id = $2`,
      [orderId, attempts[0]],
    )
    // As the server does by itself after a while: the plan is the one of a product in use.
    await owner.query('analyze')
    await owner.end()
    const began = performance.now()
    const checks = await checkPayments(kernel.db, 1)
    assert.ok(performance.now() - began < CHECK_MS_MAX, `${performance.now() - began} ms`)
    assert.equal(checks.find(check => check.id === 'I4')?.ok, true)
  }))
