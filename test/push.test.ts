import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { test } from 'node:test'
import { createHttp } from '#app/http.ts'
import { seedTown } from '#app/seed/index.ts'
import { systemCtx } from '#kernel/context.ts'
import { sql } from '#kernel/db/index.ts'
import { withTestDb } from '#kernel/db/testing.ts'
import { unwrap } from '#kernel/result.ts'
import { ensureClient, signPush } from '#modules/billing/index.ts'

test('a biller pushes bills with its signature, and nobody without it', { timeout: 120_000 }, () =>
  withTestDb(async kernel => {
    await seedTown(kernel, 1, { size: 'small', seed: 'push' })
    const client = { clientId: 'telecom-test', secret: 'a shared secret of forty characters, made' }
    unwrap(await ensureClient(systemCtx(kernel, 1, 'test'), { ...client, billerId: 'telecom', purpose: 'push', hourlyMax: 2 }))
    const server = await createHttp({ kernel, tenant: { id: 1, name: { 'zh-CN': '-', en: '-' }, phone: '-', address: '-' } })
    const [account] = await kernel.db.read(1, tx =>
      tx.rows<{ no: string }>(sql`select account_no as no from billing.account where tenant_id = 1 and biller_id = 'telecom' limit 1`),
    )
    const bill = {
      accountNo: account!.no,
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
    const found = await kernel.db.read(1, tx =>
      tx.rows(sql`select amount_fen from billing.bill where tenant_id = 1 and bill_no = 'T26120000001'`),
    )
    assert.deepEqual(found, [{ amount_fen: 5_900 }])
    assert.equal((await push(body, client.secret)).statusCode, 200)
    const over = await push(body, client.secret)
    assert.equal(over.statusCode, 429, 'the share of the hour is used up')
    assert.equal(over.json().code, 'billing.push_over_quota')
    await server.close()
  }),
)
