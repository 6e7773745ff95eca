import { z } from 'zod'
import { defineEvent } from '#modules/trail/index.ts'

/** A message came to its end. Neither wording nor receiver are in it. */
export const messageSettled = defineEvent({
  type: 'notify.message_settled',
  version: 1,
  subject: 'message',
  body: z.object({
    template: z.string(),
    channel: z.enum(['in_app', 'sms', 'wechat']),
    state: z.enum(['sent', 'failed', 'suppressed']),
    why: z.string().max(100).optional(),
  }),
})
export const preferenceChanged = defineEvent({
  type: 'notify.preference_changed',
  version: 1,
  subject: 'person',
  body: z.object({ channel: z.enum(['sms', 'wechat']), topic: z.string(), opted_out: z.boolean() }),
})
