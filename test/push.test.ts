import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { test } from 'node:test'
import { createHttp } from '#app/http.ts'
import { seedTown } from '#app/seed/index.ts'
import { withTestDb } from '#kernel/db/testing.ts'
import { signPush, usePushClient } from '#modules/billing/index.ts'

test('a biller pushes bills with its signature, and nobody without it', { timeout: 120_000 }, () =>
  withTestDb(async kernel => {
    await seedTown(kernel, 1, { size: 'small', seed: 'push' })
    const client = { clientId: 'telecom-test', secret: 'a shared secret of forty characters, made' }
    usePushClient(1, 'telecom', client)
    const server = await createHttp({ kernel, tenant: { id: 1, name: { 'zh-CN': '-', en: '-' }, phone: '-', address: '-' } })
    const { rows } = await kernel.db.pool.query(
      `select account_no from billing.account where tenant_id = 1 and biller_id = 'telecom' limit 1`,
    )
    const bill = {
      accountNo: rows[0].account_no,
      billNo: 'T26120000001',
      billMonth: '2026-12',
      planName: '标准套餐',
      items: [{ name: '套餐月费', amountFen: 5_900 }],
      totalFen: 5_900,
      discountFen: 0,
      dueDate: '2027-01-28',
    }
    const body = JSON.stringify({ bills: [bill] })
    const path = '/push/telecom/bills'
    const push = (text: string, secret: string) => {
      const timestamp = String(Math.floor(Date.now() / 1000))
      const nonce = randomBytes(12).toString('hex')
      const signature = signPush(secret, 'POST', path, timestamp, nonce, Buffer.from(text))
      const headers = {
        'content-type': 'application/json',
        'x-client-id': client.clientId,
        'x-timestamp': timestamp,
        'x-nonce': nonce,
        'x-signature': signature,
      }
      return server.inject({ method: 'POST', url: path, headers, body: text })
    }
    assert.equal((await push(body, 'another secret')).statusCode, 401)
    const taken = await push(body, client.secret)
    assert.equal(taken.statusCode, 200, taken.body)
    const found = await kernel.db.pool.query(`select amount_fen from billing.bill where tenant_id = 1 and bill_no = 'T26120000001'`)
    assert.deepEqual(found.rows, [{ amount_fen: 5_900 }])
    await server.close()
  }),
)
