import { z } from 'zod'
import { defineEvent } from '#modules/trail/index.ts'

export const signedIn = defineEvent({
  type: 'identity.signed_in',
  version: 1,
  subject: 'holder',
  body: z.object({ kind: z.enum(['resident', 'staff']) }),
})
/** Subject: the staff account, or the digest of the challenge; never what was typed. */
export const signInFailed = defineEvent({
  type: 'identity.sign_in_failed',
  version: 1,
  subject: 'sign_in',
  body: z.object({
    kind: z.enum(['resident', 'staff']),
    why: z.enum(['password', 'unknown', 'locked', 'disabled', 'second_factor', 'code', 'limit']),
  }),
})
export const staffLocked = defineEvent({
  type: 'identity.staff_locked',
  version: 1,
  subject: 'staff',
  body: z.object({ minutes: z.int() }),
})
export const personRead = defineEvent({
  type: 'identity.person_read',
  version: 1,
  subject: 'person',
  body: z.object({ by: z.enum(['phone', 'id_number', 'id']) }),
})
export const personUnmasked = defineEvent({
  type: 'identity.person_unmasked',
  version: 1,
  subject: 'person',
  body: z.object({ field: z.enum(['name', 'id_number', 'phone']), why: z.string().max(200) }),
})
export const personRegistered = defineEvent({
  type: 'identity.person_registered',
  version: 1,
  subject: 'person',
  body: z.object({ by: z.enum(['sign_in', 'staff', 'share']) }),
})
/** `from` is absent for a new account, `to` for a closed one. */
export const roleChanged = defineEvent({
  type: 'identity.role_changed',
  version: 1,
  subject: 'staff',
  body: z.object({ from: z.string().optional(), to: z.string().optional() }),
})
export const shareGranted = defineEvent({
  type: 'identity.share_granted',
  version: 1,
  subject: 'person',
  body: z.object({ share: z.string(), other: z.string(), scope: z.enum(['see', 'pay']) }),
})
export const shareRevoked = defineEvent({
  type: 'identity.share_revoked',
  version: 1,
  subject: 'person',
  body: z.object({ share: z.string(), other: z.string() }),
})
