import assert from 'node:assert/strict'
import { test } from 'node:test'
import { systemCtx } from '#kernel/context.ts'
import { withTestDb } from '#kernel/db/testing.ts'
import { unwrap } from '#kernel/result.ts'
import { manualClock } from '#kernel/time.ts'
import { ensureClient, type PushHeaders, receivePush, revokeClient, signPush, verifyPush } from '../index.ts'
import { registerWater, traces, waterConfig } from './import-support.ts'

const client = { clientId: 'water-it', secret: 'a secret made for this test' }
const PATH = '/v1/bills?x=1'
const body = Buffer.from('{"a": 1}')
const START = '2026-11-22T10:00:00+08:00'
const SECONDS = String(Date.parse(START) / 1000)

const signed = (over: Partial<PushHeaders> = {}): PushHeaders => {
  const h = { clientId: client.clientId, timestamp: SECONDS, nonce: 'nonce-0001', ...over }
  return { signature: signPush(client.secret, 'POST', PATH, h.timestamp, h.nonce, body), ...h }
}

test('a push is believed once, fresh, whole and from its sender only', async () => {
  const clock = manualClock(START)
  await withTestDb(
    async kernel => {
      const ctx = systemCtx(kernel, 1, 'test')
      await registerWater(kernel)
      const known = { ...client, billerId: 'water', purpose: 'push', hourlyMax: 4 } as const
      unwrap(await ensureClient(ctx, known))
      const why = async (headers: PushHeaders, raw = body, method = 'POST', path = PATH) => {
        const result = await verifyPush(ctx, 'water', method, path, headers, raw)
        return result.ok ? 'believed' : (result.error.params?.why ?? result.error.code)
      }
      assert.equal(await why(signed({ clientId: 'other' })), 'client_unknown')
      assert.equal(await why(signed({ timestamp: String(Number(SECONDS) - 301) })), 'timestamp_stale')
      assert.equal(await why(signed({ timestamp: String(Number(SECONDS) + 301) })), 'timestamp_stale')
      assert.equal(await why(signed(), Buffer.from('{"a":1}')), 'signature_bad')
      assert.equal(await why(signed(), body, 'PUT'), 'signature_bad')
      assert.equal(await why(signed(), body, 'POST', '/v1/bills'), 'signature_bad')
      assert.equal(await why({ ...signed(), signature: '' }), 'signature_bad')
      assert.equal(await why(signed({ nonce: 'short' })), 'nonce_bad')
      assert.equal(await why(signed()), 'believed', 'refused pushes do not use the nonce up')
      assert.equal(await why(signed()), 'nonce_replayed')
      clock.advance(299_000)
      assert.equal(await why(signed()), 'nonce_replayed', 'as long as its time stamp is fresh')
      const both = await Promise.all([why(signed({ nonce: 'nonce-0002' })), why(signed({ nonce: 'nonce-0002' }))])
      assert.deepEqual(both.sort(), ['believed', 'nonce_replayed'])
      const later = (n: number) => signed({ nonce: `nonce-100${n}` })
      assert.equal(await why(later(1)), 'believed')
      assert.equal(await why(later(2)), 'believed')
      assert.equal(await why(later(3)), 'billing.push_over_quota')
      unwrap(await ensureClient(ctx, { ...known, clientId: 'water-next', secret: 'another secret for the change-over' }))
      unwrap(await revokeClient(ctx, known))
      assert.equal(await why(later(4)), 'client_unknown', 'revoked credentials are refused at once')
      const other = await verifyPush(ctx, 'gas', 'POST', PATH, later(5), body)
      assert.equal(other.ok || other.error.params?.why, 'client_unknown', 'credentials hold for their biller alone')
    },
    { clock },
  )
})

const mapping = {
  format: 'json',
  date_format: 'iso8601',
  columns: [
    { name: 'accountNo', type: 'text' },
    { name: 'billNo', type: 'text' },
    { name: 'month', type: 'text' },
    { name: 'items', type: 'array' },
    { name: 'totalFen', type: 'integer', unit: 'fen' },
    { name: 'dueDate', type: 'date' },
  ],
  bill: {
    account_no: 'accountNo',
    bill_no: 'billNo',
    period: { column: 'month', format: 'yyyy-MM' },
    due_on: 'dueDate',
    total_amount: 'totalFen',
    lines: [],
    lines_from: { column: 'items', item: 'service', name: 'name', amount: 'amountFen', unit: 'fen' },
  },
}
const bill = (billNo: string, totalFen = 6_900) => ({
  accountNo: '1045333141',
  billNo,
  month: '2026-09',
  items: [
    { name: '套餐月费', amountFen: 5_900 },
    { name: '超出流量', amountFen: 1_000 },
  ],
  totalFen,
  dueDate: '2026-10-28',
})

test('pushed bills are taken whole or not at all, and once', () =>
  withTestDb(async kernel => {
    await registerWater(kernel, { ...waterConfig, mappings: { bills: mapping } })
    const ctx = systemCtx(kernel, 1, 'test')
    const push = async (value: unknown) => unwrap(await receivePush(ctx, 'water', Buffer.from(JSON.stringify(value))))
    const wrong = await push([bill('T1'), bill('T2', 6_901)])
    assert.deepEqual([wrong.outcome, wrong.errors[0]?.code, wrong.errors[0]?.line], ['refused', 'amount_sum', 2])
    assert.equal((await traces(kernel)).bills, 0)
    assert.deepEqual((await push({ bills: [bill('T1'), bill('T2')] })).newBills, 2)
    assert.equal((await push([bill('T1'), bill('T2')])).outcome, 'unchanged', 'whatever the wrapping')
    assert.equal((await push(bill('T3'))).newBills, 1)
    assert.deepEqual(await traces(kernel), { bills: 3, accounts: 1, batches: 2, staged: 0, events: 2 })
  }))

test('a body that is no list of bills is refused', () =>
  withTestDb(async kernel => {
    const ctx = systemCtx(kernel, 1, 'test')
    for (const raw of ['', '[]', '7', '{"bills":', JSON.stringify(Array.from({ length: 1_001 }, (_, i) => bill(`T${i}`)))]) {
      const result = await receivePush(ctx, 'water', Buffer.from(raw))
      assert.ok(!result.ok && result.error.code === 'billing.file_refused', raw.slice(0, 20))
    }
  }))
