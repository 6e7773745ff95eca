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
    why: z.enum(['password', 'unknown', 'locked', 'disabled', 'second_factor', 'code', 'limit', 'enrolment']),
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
  body: z.object({ by: z.enum(['phone', 'id_number', 'id', 'name', 'address']) }),
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
/** Four eyes: who acted is the actor; `kind` says what is proposed, `to` which role. */
export const staffChangeProposed = defineEvent({
  type: 'identity.staff_change_proposed',
  version: 1,
  subject: 'staff',
  body: z.object({
    change: z.string(),
    kind: z.enum(['role', 'reset', 'open', 'close']),
    to: z.string().optional(),
    why: z.string().max(200),
  }),
})
export const staffChangeDecided = defineEvent({
  type: 'identity.staff_change_decided',
  version: 1,
  subject: 'staff',
  body: z.object({ change: z.string(), kind: z.enum(['role', 'reset', 'open', 'close']), outcome: z.enum(['approved', 'declined']) }),
})
/** Password and authenticator of the account are void from here on. */
export const enrolmentIssued = defineEvent({
  type: 'identity.enrolment_issued',
  version: 1,
  subject: 'staff',
  body: z.object({ how: z.enum(['approved', 'operator']) }),
})
export const passwordChanged = defineEvent({
  type: 'identity.password_changed',
  version: 1,
  subject: 'staff',
  body: z.object({ by: z.enum(['own', 'enrolment']) }),
})
export const sessionsEnded = defineEvent({
  type: 'identity.sessions_ended',
  version: 1,
  subject: 'staff',
  body: z.object({ ended: z.int() }),
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
export const deviceAdded = defineEvent({
  type: 'identity.device_added',
  version: 1,
  subject: 'device',
  body: z.object({ kind: z.enum(['kiosk', 'screen', 'desk']), title: z.string().max(40), place: z.string().max(60) }),
})
/** The certificate of a device: whose key has this fingerprint (SHA-256 of its SPKI) is the device. */
export const deviceEnrolled = defineEvent({
  type: 'identity.device_enrolled',
  version: 1,
  subject: 'device',
  body: z.object({ fingerprint: z.string().length(64), place: z.string().max(60) }),
})
export const deviceRevoked = defineEvent({ type: 'identity.device_revoked', version: 1, subject: 'device', body: z.object({}) })
export const devicePaperChanged = defineEvent({
  type: 'identity.device_paper_changed',
  version: 1,
  subject: 'device',
  body: z.object({ slips: z.int() }),
})
export const deviceSilent = defineEvent({
  type: 'identity.device_silent',
  version: 1,
  subject: 'device',
  body: z.object({ since: z.string() }),
})
export const deviceReturned = defineEvent({
  type: 'identity.device_returned',
  version: 1,
  subject: 'device',
  body: z.object({ silent_ms: z.int() }),
})
export const kioskVisitEnded = defineEvent({
  type: 'identity.kiosk_visit_ended',
  version: 1,
  subject: 'device',
  body: z.object({ why: z.enum(['finished', 'restarted', 'idle', 'replaced']) }),
})
