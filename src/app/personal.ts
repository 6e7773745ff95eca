/**
 * Every column that holds something of a person: what it is, how sensitive, what for, and how long. The check `personal`
 * fails on a column that looks personal and stands in neither list, and on an entry without its column.
 */
export const CLASSES = {
  name: '姓名',
  identity_number: '证件号码',
  contact: '联系方式',
  address: '住址',
  account: '户号及用量',
  payment: '缴费记录',
  credential: '登录凭证',
  relation: '家庭与代办关系',
  wish: '本人意愿',
  act: '操作记录',
  work: '工作人员信息',
} as const

/**
 * 3: harm if it leaks, kept only encrypted, as a digest or not at all. 2: points to a person together with other data.
 * 1: work data of staff.
 */
export type Level = 1 | 2 | 3

export interface PersonalColumns {
  readonly table: string
  /** Names, apart by blanks. */
  readonly columns: string
  readonly class: keyof typeof CLASSES
  readonly level: Level
  readonly purpose: string
  readonly kept: string
  /** Why a column of level 3 is not encrypted. */
  readonly plainBecause?: string
}

const PERSON = 'while the person is registered; erased on request'
const SERVICE = 'while the household is served by the biller'
const BOOKS = '30 years, as the books it belongs to'
const TRAIL = 'with the trail; personal values in it are commitments, their plain text is erased on request'
const STAFF = 'while employed, then with the trail that names them'

export const personalColumns: readonly PersonalColumns[] = [
  {
    table: 'billing.account',
    columns: 'holder_sealed address_sealed',
    class: 'address',
    level: 3,
    purpose: 'match a bill with its household',
    kept: SERVICE,
  },
  {
    table: 'billing.account',
    columns: 'holder_mask address_mask account_no',
    class: 'account',
    level: 2,
    purpose: 'let a payer recognise the bill in hand',
    kept: SERVICE,
  },
  {
    table: 'billing.bill',
    columns: 'bill_no account_id usage_e3 reading_from_e3 reading_to_e3 lines',
    class: 'account',
    level: 2,
    purpose: 'show what is to be paid and why',
    kept: BOOKS,
  },
  {
    table: 'billing.binding',
    columns: 'payer account_id relation nickname shared_by',
    class: 'relation',
    level: 2,
    purpose: 'keep accounts at hand, own or of family',
    kept: 'until the resident removes it',
  },
  {
    table: 'billing.import_stage',
    columns: 'account_no holder address',
    class: 'address',
    level: 3,
    purpose: 'take a bill file in',
    kept: 'within one transaction',
    plainBecause: 'filled and emptied within one transaction and never logged: no other session ever sees a row',
  },
  {
    table: 'billing.wrong_payment',
    columns: 'note_sealed',
    class: 'payment',
    level: 3,
    purpose: 'understand a wrong payment',
    kept: BOOKS,
  },
  {
    table: 'billing.wrong_payment',
    columns: 'answer',
    class: 'payment',
    level: 2,
    purpose: 'tell the payer what the biller decided',
    kept: BOOKS,
  },
  {
    table: 'identity.person',
    columns: 'name_sealed name_blind',
    class: 'name',
    level: 3,
    purpose: 'address a resident; shown on recorded unmasking only',
    kept: PERSON,
  },
  {
    table: 'identity.person',
    columns: 'id_number_sealed id_number_blind',
    class: 'identity_number',
    level: 3,
    purpose: 'prove who somebody is, look up by exact number',
    kept: PERSON,
  },
  {
    table: 'identity.person',
    columns: 'phone_sealed phone_blind',
    class: 'contact',
    level: 3,
    purpose: 'sign in and send messages, look up by exact number',
    kept: PERSON,
  },
  {
    table: 'identity.person',
    columns: 'name_mask id_number_mask phone_mask area_code',
    class: 'name',
    level: 2,
    purpose: 'recognise a resident without seeing the whole',
    kept: PERSON,
  },
  {
    table: 'identity.household',
    columns: 'address_sealed address_blind',
    class: 'address',
    level: 3,
    purpose: 'know where to serve',
    kept: 'while the household exists',
  },
  {
    table: 'identity.household',
    columns: 'address_mask area_code',
    class: 'address',
    level: 2,
    purpose: 'recognise a household without its door',
    kept: 'while the household exists',
  },
  {
    table: 'identity.household_member',
    columns: 'person_id relation',
    class: 'relation',
    level: 2,
    purpose: 'know who lives together',
    kept: PERSON,
  },
  {
    table: 'identity.share',
    columns: 'owner_id other_id scope',
    class: 'relation',
    level: 2,
    purpose: 'act for others as they agreed',
    kept: 'until revoked, then as proof that it was agreed',
  },
  {
    table: 'identity.session',
    columns: 'digest holder_id',
    class: 'credential',
    level: 3,
    purpose: 'stay signed in',
    kept: '90 days after its end, by the daily purge',
    plainBecause: 'holder_id is an opaque id',
  },
  {
    table: 'identity.sms_challenge',
    columns: 'digest code_digest phone_sealed',
    class: 'credential',
    level: 3,
    purpose: 'sign in by text message',
    kept: '2 days, by the daily purge',
  },
  {
    table: 'identity.quota',
    columns: 'key',
    class: 'contact',
    level: 2,
    purpose: 'keep codes from being asked for in numbers; keys are blind',
    kept: '2 days, by the daily purge',
  },
  {
    table: 'identity.staff',
    columns: 'password_hash totp_sealed',
    class: 'credential',
    level: 3,
    purpose: 'sign in at the desk',
    kept: STAFF,
    plainBecause: 'password_hash is argon2id',
  },
  {
    table: 'identity.staff',
    columns: 'username name',
    class: 'work',
    level: 1,
    purpose: 'say who acted',
    kept: STAFF,
  },
  {
    table: 'identity.enrolment',
    columns: 'digest totp_sealed',
    class: 'credential',
    level: 3,
    purpose: 'give a member of staff a second factor',
    kept: 'until used or run out',
  },
  {
    table: 'identity.staff_change',
    columns: 'why proposed_by decided_by',
    class: 'work',
    level: 1,
    purpose: 'change roles by two people',
    kept: STAFF,
  },
  {
    table: 'kernel.idempotency',
    columns: 'answer',
    class: 'payment',
    level: 2,
    purpose: 'give a repeated request its first answer; holds ids and codes',
    kept: '90 days, by the daily purge',
  },
  {
    table: 'notify.address',
    columns: 'address_sealed person_id',
    class: 'contact',
    level: 3,
    purpose: 'reach a resident on a channel of theirs',
    kept: PERSON,
    plainBecause: 'person_id is an opaque id',
  },
  {
    table: 'notify.budget',
    columns: 'to_blind',
    class: 'contact',
    level: 2,
    purpose: 'keep messages few',
    kept: 'two days, by the hourly purge',
  },
  {
    table: 'notify.message',
    columns: 'to_sealed params_sealed',
    class: 'contact',
    level: 3,
    purpose: 'send a message and show it in the inbox',
    kept: PERSON,
  },
  {
    table: 'notify.message',
    columns: 'to_id to_blind why',
    class: 'contact',
    level: 2,
    purpose: 'find the messages of a receiver',
    kept: PERSON,
  },
  {
    table: 'notify.preference',
    columns: 'person_id topic opted_out',
    class: 'wish',
    level: 2,
    purpose: 'leave out what somebody does not want',
    kept: PERSON,
  },
  {
    table: 'payments.order',
    columns: 'payer',
    class: 'payment',
    level: 2,
    purpose: 'give a payer their receipts and refunds; an opaque id',
    kept: BOOKS,
  },
  {
    table: 'payments.refund',
    columns: 'requested_by approved_by note',
    class: 'act',
    level: 2,
    purpose: 'keep requester and approver apart',
    kept: BOOKS,
  },
  {
    table: 'payments.channel_event',
    columns: 'raw headers',
    class: 'payment',
    level: 2,
    purpose: 'prove what the channel said; bodies are encrypted or masked by the channel',
    kept: BOOKS,
  },
  {
    table: 'payments.statement_part',
    columns: 'bytes',
    class: 'payment',
    level: 3,
    purpose: 'prove what the channel stated of a day; sealed',
    kept: BOOKS,
  },
  {
    table: 'payments.break',
    columns: 'proposed_by resolved_by note',
    class: 'act',
    level: 2,
    purpose: 'know who decided about a difference, and keep the two who decide about a grave one apart',
    kept: BOOKS,
  },
  {
    table: 'payments.statement',
    columns: 'received_by',
    class: 'work',
    level: 1,
    purpose: 'know who brought a statement in',
    kept: BOOKS,
  },
  {
    table: 'tasks.task',
    columns: 'assignee_id',
    class: 'work',
    level: 1,
    purpose: 'know whose turn it is',
    kept: STAFF,
  },
  {
    table: 'trail.entry',
    columns: 'actor_id subject_id canonical body',
    class: 'act',
    level: 2,
    purpose: 'prove who did what to whom',
    kept: TRAIL,
  },
  {
    table: 'trail.pending',
    columns: 'actor_id subject_ids bodies',
    class: 'act',
    level: 2,
    purpose: 'the same, for a fraction of a second before it is sealed',
    kept: 'until sealed',
  },
  {
    table: 'trail.private',
    columns: 'value',
    class: 'act',
    level: 3,
    purpose: 'plain values behind commitments, encrypted',
    kept: 'erased on request',
  },
]

/** Columns that look personal by their name and are not, and why. */
export const notPersonal: Readonly<Record<string, string>> = {
  'identity.staff.totp_step': 'a count of half minutes',
  'billing.batch.file_name': 'name of a file',
  'billing.biller.name_zh': 'a company',
  'billing.biller.name_en': 'a company',
  'billing.client.secret_sealed': "secret of a biller's system",
  'billing.tariff.body': 'a published price list',
  'identity.area.name_zh': 'a place',
  'identity.area.name_en': 'a place',
  'identity.tenant.name_zh': 'a sub-district',
  'identity.tenant.name_en': 'a sub-district',
  'identity.tenant.phone': 'the public number of an office',
  'kernel.job.name': 'name of a job',
  'kernel.migration.name': 'name of a file',
  'payments.statement.name': 'name of a channel file',
  'payments.statement_wait.why': 'why a statement could not be had, in the words of the channel',
  'payments.attempt.launch': 'addresses and codes of the channel for one order',
  'trail.checkpoint.note': 'a signed note: origin, size, hash',
  'trail.cursor.name': 'name of a subscriber',
  'trail.cursor_failure.name': 'name of a subscriber',
  'trail.lease.holder': 'a process',
}
