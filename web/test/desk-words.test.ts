import assert from 'node:assert/strict'
import { test } from 'node:test'
import { z } from 'zod'
import { billingEvents } from '#modules/billing/index.ts'
import { paymentEvents } from '#modules/payments/index.ts'
import { detailOf, eventName } from '#web/staff/words.ts'
import { t } from '#web/ui/messages.ts'

const events = [...Object.values(paymentEvents), ...Object.values(billingEvents)].filter(event => event.subject === 'order')

/** Every body an event can have as far as codes go: one for each value of each enumeration, texts as channels write them. */
function bodiesOf(body: z.ZodObject): Record<string, unknown>[] {
  return Object.entries(body.shape).flatMap(([field, type]) =>
    type instanceof z.ZodEnum
      ? type.options.map(value => ({ [field]: value }))
      : [{ [field]: 'SYSTEM_ERROR' }, { [field]: 'no_such_code' }],
  )
}

const NUMBERS = new Set(['out_trade_no', 'txn', 'receipt_no', 'amount_fen'])

test('every event of an order and every reason in it is put into words, in both languages', () => {
  assert.ok(events.length > 20)
  for (const lang of ['zh-CN', 'en'] as const) {
    for (const event of events) {
      assert.notEqual(eventName(lang, event.type), t(lang)('staff.event_other'), `${event.type} has no words`)
      for (const body of bodiesOf(event.body as z.ZodObject)) {
        const [field, value] = Object.entries(body)[0]!
        if (NUMBERS.has(field)) continue
        const shown = detailOf(lang, body)
        assert.doesNotMatch(
          shown,
          /[a-z]_[a-z]|[A-Z]{2}_|^(account|returned|declined|twice|amount|other)$/,
          `${event.type} ${field}=${value}: ${shown}`,
        )
        const isReason = (event.body as z.ZodObject).shape[field] instanceof z.ZodEnum
        assert.equal(shown !== '', isReason, `${event.type} ${field}=${value}: ${shown}`)
      }
    }
  }
})

test('what a channel or biller said is shown as its words, without the code before them', () => {
  assert.equal(detailOf('zh-CN', { why: 'NOT_ENOUGH: 余额不足' }), '对方答复：余额不足')
  assert.equal(detailOf('en', { reason: 'the account was closed' }), 'They answered: the account was closed')
  assert.equal(detailOf('zh-CN', { why: 'ABNORMAL' }), '')
})
