import assert from 'node:assert/strict'
import { test } from 'node:test'
import { makeRsaPair } from '../../../../../sandbox/common/keys.ts'
import { makeWechatKeys } from '../../../../../sandbox/wechat/keys.ts'
import { makeNotice, makeNotification, type SignedMessage, signBody, wechatSigner } from '../../../../../sandbox/wechat/signer.ts'
import { wechatChannel } from '../wechat/index.ts'

const now = new Date('2026-06-01T10:00:00+08:00')
const files = makeWechatKeys(now)
const signer = wechatSigner(files)
const channel = wechatChannel({ ...files.merchant, baseUrl: 'http://127.0.0.1:9' })
const trade = {
  outTradeNo: 'T00000001',
  amountFen: 104_620,
  txnNo: '4200000001',
  paidAt: new Date('2026-06-01T09:59:58+08:00'),
  id: 'EV-1',
}

const lower = (headers: Record<string, string>) =>
  Object.fromEntries(Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value]))
const read = (message: SignedMessage, at = now) => channel.readNotification(Buffer.from(message.body), lower(message.headers), at)
const codeOf = (message: SignedMessage, at = now) => {
  const outcome = read(message, at)
  return outcome.kind === 'refused' ? outcome.code : outcome.kind
}
/** Re-signs a changed body with the real key: what is wrong then lies inside. */
const resigned = (change: (body: Record<string, object>) => object): SignedMessage => {
  const body = JSON.stringify(change(JSON.parse(makeNotification(signer, trade, now).body)))
  return { headers: signBody(signer, body, now), body }
}

test('a payment is read alike under a certificate serial and under a PUB_KEY_ID', () => {
  for (const { serial } of signer.keys) {
    assert.deepEqual(read(makeNotification(signer, trade, now, serial)), {
      kind: 'trade',
      eventKey: 'EV-1',
      fact: {
        outTradeNo: trade.outTradeNo,
        state: 'SUCCESS',
        channelTxnNo: trade.txnNo,
        amountFen: trade.amountFen,
        payerTotalFen: trade.amountFen,
        paidAt: trade.paidAt,
      },
    })
  }
})

test('tampering outside the signature is refused, each for its own reason', () => {
  const good = makeNotification(signer, trade, now)
  const withHeader = (name: string, value: string | undefined): SignedMessage => {
    const headers: Record<string, string> = { ...good.headers }
    if (value === undefined) delete headers[name]
    else headers[name] = value
    return { headers, body: good.body }
  }
  const foreign = wechatSigner({
    merchant: files.merchant,
    platform: { ...files.platform, certificate: { ...files.platform.certificate, ...makeRsaPair() } },
  })
  const cases: [string, SignedMessage, string][] = [
    ['one byte of the body', { ...good, body: good.body.replace('EV-1', 'EV-2') }, 'signature_bad'],
    ['a blank added to the body', { ...good, body: `${good.body} ` }, 'signature_bad'],
    ['the nonce', withHeader('Wechatpay-Nonce', 'f'.repeat(32)), 'signature_bad'],
    [
      'the timestamp by a second',
      withHeader('Wechatpay-Timestamp', String(Number(good.headers['Wechatpay-Timestamp']) - 1)),
      'signature_bad',
    ],
    ['a timestamp that is no number', withHeader('Wechatpay-Timestamp', '1e9'), 'timestamp_bad'],
    ['the other live serial', withHeader('Wechatpay-Serial', signer.keys[1]!.serial), 'signature_bad'],
    ['an unknown serial', withHeader('Wechatpay-Serial', 'PUB_KEY_ID_0'), 'serial_unknown'],
    ['no signature', withHeader('Wechatpay-Signature', undefined), 'header_missing'],
    [
      'a probe of the channel',
      withHeader('Wechatpay-Signature', `WECHATPAY/SIGNTEST/${good.headers['Wechatpay-Signature']}`),
      'signature_bad',
    ],
    ['another key under a known serial', makeNotification(foreign, trade, now), 'signature_bad'],
    ['an endless body', { ...good, body: ' '.repeat(70_000) }, 'body_too_long'],
  ]
  for (const [what, message, code] of cases) assert.equal(codeOf(message), code, what)
})

test('the signature is fresh for 300 s either way, not longer', () => {
  const good = makeNotification(signer, trade, now)
  const at = (s: number) => new Date(now.getTime() + s * 1000)
  assert.deepEqual(
    [-301, -300, 300, 301].map(s => codeOf(good, at(s))),
    ['timestamp_stale', 'trade', 'trade', 'timestamp_stale'],
  )
})

test('well signed nonsense is refused, never a crash', () => {
  const cases: [string, SignedMessage, string][] = [
    ['no object', resigned(() => []), 'body_bad'],
    ['no id', resigned(body => ({ ...body, id: undefined })), 'body_bad'],
    ['no resource', resigned(body => ({ ...body, resource: 'x' })), 'body_bad'],
    ['a short nonce', resigned(({ resource, ...body }) => ({ ...body, resource: { ...resource, nonce: 'short' } })), 'resource_bad'],
    [
      'a text shorter than its tag',
      resigned(({ resource, ...body }) => ({ ...body, resource: { ...resource, ciphertext: 'AAAA' } })),
      'resource_bad',
    ],
    [
      'other associated data',
      resigned(({ resource, ...body }) => ({ ...body, resource: { ...resource, associated_data: '' } })),
      'resource_bad',
    ],
    ['another algorithm', resigned(({ resource, ...body }) => ({ ...body, resource: { ...resource, algorithm: 'NONE' } })), 'resource_bad'],
    ['an unknown event', resigned(body => ({ ...body, event_type: 'PAYSCORE.USER_PAID' })), 'event_unknown'],
    ['another merchant', makeNotification({ ...signer, mchid: '1600000000' }, trade, now), 'merchant_other'],
    ['another application', makeNotification({ ...signer, appid: 'wx0000000000000000' }, trade, now), 'merchant_other'],
    ['another APIv3 key', makeNotification({ ...signer, apiV3Key: Buffer.alloc(32, 1) }, trade, now), 'resource_bad'],
    ['half a fen', makeNotification(signer, { ...trade, amountFen: 0.5 }, now), 'resource_bad'],
    ['a success without a number', makeNotification(signer, { ...trade, txnNo: '' }, now), 'resource_bad'],
  ]
  for (const [what, message, code] of cases) assert.equal(codeOf(message), code, what)
})

test('a resource with empty associated data opens', () => {
  const notice = makeNotice(
    signer,
    {
      id: 'EV-9',
      type: 'REFUND.ABNORMAL',
      kind: '',
      summary: '',
      resource: {
        mchid: signer.mchid,
        out_trade_no: 'T1',
        out_refund_no: 'R1',
        refund_id: '50',
        refund_status: 'ABNORMAL',
        amount: { refund: 7 },
      },
    },
    now,
  )
  assert.deepEqual(read(notice), {
    kind: 'refund',
    eventKey: 'EV-9',
    fact: { outTradeNo: 'T1', outRefundNo: 'R1', state: 'ABNORMAL', channelRefundNo: '50', amountFen: 7, refundedAt: undefined },
  })
})

test('a wrong configuration stops the start', () => {
  assert.throws(() => wechatChannel({ ...files.merchant, apiV3Key: 'short' }), RangeError)
  assert.throws(() => wechatChannel({ ...files.merchant, platformKeys: [] }), RangeError)
})

test('the channel is told 204 only after the commit', () => {
  assert.equal(channel.acknowledge(true).status, 204)
  const no = channel.acknowledge(false, 'busy')
  assert.deepEqual([no.status, JSON.parse(no.body)], [500, { code: 'FAIL', message: 'busy' }])
})
