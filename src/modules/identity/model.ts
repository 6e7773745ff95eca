import { maskAddress, maskIdNumber, maskName, maskPhone } from '#kernel/crypto/mask.ts'

declare const masked: unique symbol
declare const unmasked: unique symbol

/** Personal data as anybody with the page may see it. Only the functions below make one. */
export type Masked = string & { readonly [masked]: true }
export type PersonField = 'name' | 'id_number' | 'phone'
/** The plain value, after a recorded act of unmasking. A component that asks for this cannot be given any other string. */
export type Unmasked<F extends PersonField = PersonField> = string & { readonly [unmasked]: F }

export const maskedName = (name: string): Masked => maskName(name) as Masked
export const maskedPhone = (phone: string): Masked => maskPhone(phone) as Masked
export const maskedIdNumber = (id: string): Masked => maskIdNumber(id) as Masked
export const maskedAddress = (address: string): Masked => maskAddress(address) as Masked

const MINUTE_MS = 60_000
const HOUR_MS = 60 * MINUTE_MS
const DAY_MS = 24 * HOUR_MS

/** A sign-in ends after this long without a request, and at the latest after `whole`. */
export const SESSION_MS = {
  staff: { idle: 30 * MINUTE_MS, whole: 12 * HOUR_MS },
  resident: { idle: 30 * DAY_MS, whole: 180 * DAY_MS },
} as const
/** Between password and second factor. */
export const HALF_SIGNED_IN_MS = 10 * MINUTE_MS
/** The time of the last request is written at most this often. */
export const SEEN_MS = MINUTE_MS

export const CODE_MS = 5 * MINUTE_MS
export const CODE_TRIES_MAX = 5
export const QUOTAS = [
  { purpose: 'sms.phone_minute', of: 'phone', length_ms: MINUTE_MS, max: 1 },
  { purpose: 'sms.phone_day', of: 'phone', length_ms: DAY_MS, max: 5 },
  { purpose: 'sms.client_hour', of: 'client', length_ms: HOUR_MS, max: 20 },
  // A browser is anew whenever it drops its cookie; behind one address may stand a hall full of people.
  { purpose: 'sms.address_hour', of: 'address', length_ms: HOUR_MS, max: 120 },
] as const

export const STAFF_FAILURES_MAX = 5
export const STAFF_LOCK_MS = 15 * MINUTE_MS
export const PASSWORD_CHARS_MIN = 12
/** A proposal about an account waits this long for the second pair of eyes, an enrolment code for its user. */
export const STAFF_CHANGE_MS = 7 * DAY_MS
export const ENROLMENT_MS = DAY_MS
export const WHY_CHARS_MAX = 200
export const SHARES_MAX = 10
export const AREAS_MAX = 5_000

/** A code with which a machine joins, the time to answer a challenge, and how long a proof opens pages. */
export const DEVICE_CODE_MS = 10 * MINUTE_MS
export const PROOF_MS_MAX = MINUTE_MS
export const DEVICE_PASS_MS = 90_000
/** A device says every half minute that it is there; unheard of for this long it counts as down. */
export const DEVICE_SILENT_MS = 2 * MINUTE_MS
export const DEVICES_MAX = 500
/** Longer than an order can be paid: a kiosk cut off in between finds its visitor again. */
export const KIOSK_VISIT_MS = 20 * MINUTE_MS
/** Slips of a roll of 50 m, each up to 20 cm. */
export const SLIPS_A_ROLL = 250

export const roles = ['clerk', 'approver', 'manager', 'biller', 'operator-system', 'operator-security', 'operator-audit'] as const
export type Role = (typeof roles)[number]

const all = ['identity.session.end', 'identity.password.change'] as const
const desk = [
  'identity.person.read',
  'identity.person.write',
  'payments.order.read',
  'billing.bill.read',
  'billing.receipt.read',
  'tasks.task.read',
  'tasks.task.work',
] as const

/**
 * What each role may do. The three operators are kept apart: the one who runs the system changes no role, the one who
 * changes roles sees no money, the one who audits changes nothing. A role is changed by two: the operator for security
 * proposes, another of them or the head of the centre approves.
 */
export const ROLE_PERMISSIONS: Readonly<Record<Role, readonly string[]>> = {
  clerk: [...all, ...desk, 'identity.share.manage', 'payments.cash.collect', 'billing.dispute.ask'],
  approver: [
    ...all,
    ...desk,
    'identity.person.unmask',
    'payments.refund.request',
    'payments.refund.approve',
    'billing.rescue.answer',
    'billing.dispute.ask',
    'billing.dispute.answer',
    'billing.rule.agree',
    'payments.reconcile.read',
    'payments.reconcile.decide',
    'billing.switchover.agree',
    'billing.switchover.read',
  ],
  manager: [
    ...all,
    ...desk,
    'identity.staff.read',
    'identity.staff.approve',
    'identity.person.unmask',
    'identity.area.write',
    'identity.device.read',
    'identity.device.manage',
    'payments.refund.request',
    'billing.rescue.answer',
    'billing.dispute.ask',
    'billing.dispute.answer',
    'billing.rule.ask',
    'billing.switchover.ask',
    'billing.shadow.take',
    'billing.shadow.read',
    'billing.switchover.read',
    'payments.reconcile.read',
    'payments.reconcile.decide',
    'billing.reconcile.read',
    'payments.cash.read',
    'payments.console.read',
    'payments.debit.read',
    'tasks.task.assign',
    'notify.message.read',
  ],
  biller: [...all, 'billing.bill.read', 'billing.import.run', 'billing.reconcile.read', 'billing.dispute.answer', 'payments.order.read'],
  'operator-system': [
    ...all,
    'identity.area.write',
    'identity.device.read',
    'identity.device.manage',
    'notify.message.read',
    'tasks.task.read',
  ],
  'operator-security': [...all, 'identity.staff.manage', 'identity.staff.approve', 'identity.staff.read'],
  'operator-audit': [
    ...all,
    'identity.staff.read',
    'identity.device.read',
    'trail.entry.read',
    'payments.order.read',
    'payments.reconcile.read',
    'payments.cash.read',
    'payments.console.read',
    'payments.debit.read',
    'billing.reconcile.read',
    'billing.switchover.read',
    'billing.shadow.read',
    'tasks.task.read',
    'notify.message.read',
  ],
}

export const permissionsOf = (role: Role): ReadonlySet<string> => new Set(ROLE_PERMISSIONS[role])
export const isRole = (text: string): text is Role => (roles as readonly string[]).includes(text)

/** Spaces, dashes, full-width digits and +86 removed; undefined when it is no mobile number of the mainland. */
export function readPhone(text: string): string | undefined {
  const plain = text
    .slice(0, 40)
    .normalize('NFKC')
    .replace(/[\s\-–—()]/g, '')
    .replace(/^(\+86|0086|86(?=1\d{10}$))/, '')
  return /^1[3-9]\d{9}$/.test(plain) ? plain : undefined
}

const WEIGHTS = [7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2]

/** Citizen identity number with its check digit (GB 11643, ISO 7064 MOD 11-2); undefined when it does not hold. */
export function readIdNumber(text: string): string | undefined {
  const plain = text.slice(0, 40).normalize('NFKC').replace(/\s/g, '').toUpperCase()
  if (!/^[1-9]\d{16}[\dX]$/.test(plain)) return undefined
  const sum = WEIGHTS.reduce((total, weight, i) => total + weight * Number(plain[i]), 0)
  return '10X98765432'[sum % 11] === plain[17] ? plain : undefined
}

/** Six digits as typed: spaces and full-width forms allowed. */
export const readCode = (text: string): string | undefined => /^\d{6}$/.exec(text.slice(0, 40).normalize('NFKC').replace(/[\s-]/g, ''))?.[0]

/** Whether something in `code` is within the area a person is confined to; without an area everything is. */
export const isWithin = (area: string | undefined, code: string | null): boolean =>
  area === undefined || code === null || code.startsWith(area)
