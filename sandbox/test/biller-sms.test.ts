import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { dayOf } from '#kernel/time.ts'
import type { CallerFile } from '../common/caller.ts'
import { type SandboxProcess, startSandbox } from '../start.ts'
import { control } from './inbox.ts'
import { signedCall } from './signed-call.ts'

let dir: string
let both: Record<'biller' | 'sms', SandboxProcess>
let biller: CallerFile
let sms: CallerFile

const start = async () => {
  both = await startSandbox(['biller', 'sms'], { keysDir: dir, seed: '3' })
  biller = both.biller.config as unknown as CallerFile
  sms = both.sms.config as unknown as CallerFile
}
const stop = () => Promise.all([both.biller.stop(), both.sms.stop()])
before(async () => {
  dir = mkdtempSync(join(tmpdir(), 'yimen-biller-'))
  await start()
})
after(async () => {
  await stop()
  rmSync(dir, { recursive: true })
})

const postingOf = (no: string, amount_fen = 5_000) => ({
  posting_no: no,
  bill_no: `B-${no}`,
  account_no: 'A1',
  amount_fen,
  paid_at: '2026-06-01T10:00:00+08:00',
})
const post = (body: object) => signedCall(biller, { method: 'POST', path: '/v1/postings', body })

test('a posting number counts once, also with a lost answer and after a restart', async () => {
  assert.deepEqual([(await post(postingOf('P1'))).status, (await post(postingOf('P1'))).status], [201, 200])
  assert.equal((await post(postingOf('P1', 6_000))).status, 422)
  await control(biller.baseUrl, 'faults', { fail_after_commit: 1 })
  assert.equal((await post(postingOf('P2'))).status, 503)
  await control(biller.baseUrl, 'faults', { fail_after_commit: 0 })
  assert.equal((await signedCall(biller, { method: 'GET', path: '/v1/postings/P2' })).json.state, 'POSTED')
  await stop()
  await start()
  assert.equal((await signedCall(biller, { method: 'GET', path: '/v1/postings/P2' })).json.state, 'POSTED')
  assert.equal((await signedCall(biller, { method: 'GET', path: '/v1/postings/P3' })).status, 404)
})

const ordering = (order_no: string, more: object = {}) =>
  signedCall(biller, {
    method: 'POST',
    path: '/v1/product-orders',
    body: {
      ...{ order_no, product: 'DATA20', version: '2026-09', account_no: 'T1', amount: 2_000, ordered_at: '2026-06-01T10:00:00+08:00' },
      ...more,
    },
  })
const standing = async (no: string) => (await signedCall(biller, { method: 'GET', path: `/v1/product-orders/${no}` })).json.state
const carriedOut = async () =>
  ((await (await fetch(`${biller.baseUrl}/_control/product-orders`)).json()) as { delivered: string[] }).delivered

test('what is ordered counts once under its number, is carried out once, refused, cancelled, and known after a restart', async () => {
  const listed = await signedCall(biller, { method: 'GET', path: '/v1/products?account_no=T1' })
  assert.ok((listed.json.products as { code: string }[]).some(product => product.code === 'DATA20'))
  assert.deepEqual((await signedCall(biller, { method: 'GET', path: '/v1/products?account_no=1045333141' })).json.products, [])
  assert.deepEqual(
    [(await ordering('O1')).status, (await ordering('O1')).status, (await ordering('O1', { amount: 1 })).status],
    [201, 200, 422],
  )
  assert.equal((await ordering('O2', { amount: 1 })).json.reason, 'OTHER_PRICE')
  assert.equal((await ordering('O3', { version: 'old' })).json.reason, 'NOT_OFFERED')
  await control(biller.baseUrl, 'faults', { accept_first: 1 })
  assert.equal((await ordering('O4')).json.state, 'ACCEPTED')
  assert.equal(await standing('O4'), 'ACCEPTED')
  await control(biller.baseUrl, 'faults', { accept_first: 0, lie_then_correct: 1 })
  assert.equal(await standing('O4'), 'ACCEPTED', 'it is carried out after it was asked about')
  assert.equal(await standing('O4'), 'ACCEPTED', 'told late, once')
  assert.equal(await standing('O4'), 'DONE')
  await control(biller.baseUrl, 'faults', { lie_then_correct: 0 })
  const cancel = (no: string) => signedCall(biller, { method: 'POST', path: `/v1/product-orders/${no}/cancel`, body: {} })
  assert.deepEqual([(await cancel('O1')).json.state, (await cancel('O1')).status], ['CANCELLED', 200])
  assert.deepEqual([(await cancel('O2')).status, (await cancel('none')).status], [409, 404])
  await stop()
  await start()
  assert.deepEqual([await standing('O1'), await standing('O4')], ['CANCELLED', 'DONE'])
  assert.deepEqual(await carriedOut(), ['O1', 'O4'])
})

test('rejections, reversals and the daily check file', async () => {
  await control(biller.baseUrl, 'faults', { reject: 1 })
  assert.equal((await post(postingOf('P4'))).json.state, 'REJECTED')
  await control(biller.baseUrl, 'faults', { reject: 0 })
  await post(postingOf('P5'))
  const reverse = (no: string) => signedCall(biller, { method: 'POST', path: `/v1/postings/${no}/reverse`, body: {} })
  assert.equal((await reverse('P5')).json.state, 'REVERSED')
  assert.equal((await reverse('P5')).status, 200, 'reversing twice changes nothing')
  assert.equal((await reverse('P4')).status, 409)
  const day = dayOf(new Date())
  assert.equal((await signedCall(biller, { method: 'GET', path: `/v1/check-file?day=${day}` })).status, 404, 'the day is not over')
  await control(biller.baseUrl, 'faults', { statement_today: true })
  const { text } = await signedCall(biller, { method: 'GET', path: `/v1/check-file?day=${day}` })
  const end = text.indexOf('\n')
  const detail = text.slice(end + 1)
  const books = (await (await fetch(`${biller.baseUrl}/_control/postings`)).json()) as { posted_fen: number; postings: { state: string }[] }
  const standing = books.postings.filter(posting => posting.state === 'POSTED').length
  assert.equal(text.slice(0, end), `T|${day}|${standing}|${books.posted_fen}|${createHash('sha256').update(detail).digest('hex')}`)
  assert.equal(detail.trimEnd().split('\n').length, standing + 1)
})

test('bills are answered on demand and paid once', async () => {
  const bill = { bill_no: 'W202606', account_no: 'A9', amount_fen: 8_800, period: '2026-06', due_on: '2026-07-15', title: '水费' }
  await control(biller.baseUrl, 'bills', { bills: [bill] })
  const list = async () => (await signedCall(biller, { method: 'GET', path: '/v1/bills?account_no=A9' })).json.bills
  assert.deepEqual(await list(), [{ ...bill, is_paid: false }])
  const pay = (no: string) => post({ ...postingOf(no, 8_800), bill_no: bill.bill_no, account_no: 'A9' })
  assert.equal((await pay('P6')).json.state, 'POSTED')
  assert.deepEqual(await list(), [{ ...bill, is_paid: true }])
  assert.equal((await pay('P7')).json.reason, 'ALREADY_PAID')
})

test('requests unsigned, altered, stale or replayed are refused', async () => {
  const path = '/v1/bills?account_no=A9'
  const code = async (call: object) => (await signedCall(biller, { method: 'GET', path, ...call })).json.code
  assert.equal(await code({ secret: 'wrong' }), 'signature_bad')
  assert.equal(await code({ at: new Date(Date.now() - 302_000) }), 'timestamp_stale')
  assert.equal(await code({ at: new Date(Date.now() + 302_000) }), 'timestamp_stale')
  assert.equal(await code({ nonce: 'nonce-used-once' }), undefined)
  assert.equal(await code({ nonce: 'nonce-used-once' }), 'nonce_replayed')
  assert.equal((await fetch(biller.baseUrl + path)).status, 401)
})

test('a text message is taken once per out_id and can be read on the page', async () => {
  const body = { to: '13800000000', template: '您的验证码是{code}', params: { code: '482913' }, out_id: 'M1' }
  const send = () => signedCall(sms, { method: 'POST', path: '/v1/messages', body })
  const [first, second] = [await send(), await send()]
  assert.deepEqual([first.status, first.json.id], [202, second.json.id])
  const seen = (await (await fetch(`${sms.baseUrl}/_control/messages?to=13800000000`)).json()) as { messages: { text: string }[] }
  assert.deepEqual(
    seen.messages.map(message => message.text),
    ['您的验证码是482913'],
  )
  assert.match(await (await fetch(sms.baseUrl)).text(), /482913/)
  assert.equal((await signedCall(sms, { method: 'POST', path: '/v1/messages', body, secret: 'wrong' })).status, 401)
  const template = await fetch(`${sms.baseUrl}/cgi-bin/message/subscribe/send?access_token=t`, {
    method: 'POST',
    headers: { 'Content-Type': 'application/json' },
    body: JSON.stringify({ touser: 'oA', template_id: 'T1', data: { thing1: { value: '水费已缴' } } }),
  })
  assert.deepEqual(await template.json(), { errcode: 0, errmsg: 'ok' })
})
