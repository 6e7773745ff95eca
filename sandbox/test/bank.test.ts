import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { type DebitFile, parseFile, renderFile } from '../../src/modules/payments/debit/layout.ts'
import type { CallerFile } from '../common/caller.ts'
import { HMAC_HEADERS, hmacOf } from '../common/hmac.ts'
import { type SandboxProcess, startSandbox } from '../start.ts'
import { control } from './inbox.ts'
import { signedCall } from './signed-call.ts'

const CARD = '4111111111111111'

/** A file handed over as its bytes, signed. */
async function put(caller: CallerFile, name: string, bytes: Buffer, secret = caller.secret): Promise<number> {
  const path = `/v1/files/out/${name}`
  const timestamp = String(Math.floor(Date.now() / 1000))
  const nonce = randomUUID()
  const answer = await fetch(caller.baseUrl + path, {
    method: 'PUT',
    headers: {
      'content-type': 'application/octet-stream',
      [HMAC_HEADERS.client]: caller.clientId,
      [HMAC_HEADERS.timestamp]: timestamp,
      [HMAC_HEADERS.nonce]: nonce,
      [HMAC_HEADERS.signature]: hmacOf(secret, 'PUT', path, timestamp, nonce, bytes),
    },
    body: new Uint8Array(bytes),
  })
  return answer.status
}

const fetchFile = async (caller: CallerFile, name: string): Promise<DebitFile> => {
  const path = `/v1/files/in/${name}`
  const timestamp = String(Math.floor(Date.now() / 1000))
  const nonce = randomUUID()
  const signature = hmacOf(caller.secret, 'GET', path, timestamp, nonce, '')
  const headers = {
    [HMAC_HEADERS.client]: caller.clientId,
    [HMAC_HEADERS.timestamp]: timestamp,
    [HMAC_HEADERS.nonce]: nonce,
    [HMAC_HEADERS.signature]: signature,
  }
  return parseFile(Buffer.from(await (await fetch(caller.baseUrl + path, { headers })).arrayBuffer()))
}

const rowOf = (seq: number, amountFen: number) => ({ seq, orderNo: `y${seq}`, mandateNo: 'm1', card: CARD, amountFen, purpose: '水费' })
const outFile = (rows: ReturnType<typeof rowOf>[]) =>
  renderFile({ kind: 'O', bank: 'demobank', batchNo: '202611240001', day: '20261124', madeAt: '20261124080000', rows })

test('the bank keeps its books through a kill: a file counts once, a debit and a refund too, and what is signed wrong changes nothing', async () => {
  const dir = mkdtempSync(join(tmpdir(), 'yimen-bank-'))
  const env = { SANDBOX_TIME_SCALE: '1000000' }
  let bank: SandboxProcess = (await startSandbox(['bank'], { keysDir: dir, env })).bank
  try {
    const caller = () => bank.config as unknown as CallerFile
    const post = (path: string, body: object) => signedCall(caller(), { method: 'POST', path, body })
    const get = (path: string) => signedCall(caller(), { method: 'GET', path })
    assert.equal((await signedCall(caller(), { method: 'GET', path: '/v1/files/in', secret: 'another' })).status, 401)
    assert.equal((await post('/v1/mandates', { mandate_no: 'm1', card: CARD, phone: '13800000001' })).json.state, 'ACTIVE')
    assert.equal((await post('/v1/mandates', { mandate_no: 'm2', card: CARD, phone: '13900000000' })).json.code, 'PHONE_MISMATCH')
    const bytes = outFile([rowOf(1, 20_000), rowOf(2, 40_000)])
    assert.equal(await put(caller(), 'f1', bytes, 'another'), 401)
    assert.deepEqual([await put(caller(), 'f1', bytes), await put(caller(), 'f1', bytes)], [201, 200])
    assert.equal(await put(caller(), 'f1', outFile([rowOf(1, 1)])), 409)
    const returned = (await fetchFile(caller(), 'demobank_202611240001_R.txt')) as DebitFile<'R'>
    assert.deepEqual(
      returned.rows.map(row => row.result),
      ['00', '01'],
    )
    await bank.stop()
    bank = (await startSandbox(['bank'], { keysDir: dir, env })).bank
    assert.equal((await get('/v1/debits/y1')).json.result, '00')
    assert.equal((await get('/v1/debits/y9')).status, 404)
    const refund = { bank_no: returned.rows[0]!.bankNo, refund_no: 'r1', amount_fen: 20_000 }
    for (let i = 0; i < 2; i++) assert.equal((await post('/v1/refunds', refund)).json.state, 'SUCCESS')
    assert.equal((await post('/v1/refunds', { ...refund, refund_no: 'r2' })).json.code, 'REFUND_TOO_LARGE')
    const books = (await (await fetch(`${bank.url}/_control/books`)).json()) as { accounts: { balance_fen: number }[]; owed: object }
    assert.equal(books.accounts[0]!.balance_fen, 50_000)
    assert.deepEqual(books.owed, { '202611240001': 0 })
    await control(bank.url, 'quirks', { hold: 'B' })
    assert.equal((await post('/v1/mandates/m1/end', {})).json.state, 'ENDED')
    assert.equal((await get('/v1/mandates/m1')).json.state, 'ENDED')
  } finally {
    await bank.stop()
    rmSync(dir, { recursive: true })
  }
})
