import type { Lang } from '#kernel/context.ts'
import { sql, type Tx } from '#kernel/db/index.ts'
import type { Channel, MessageState, OutsideChannel, Template, Topic } from './model.ts'

export interface MessageRow {
  readonly id: string
  readonly toKind: 'person' | 'staff' | 'phone'
  readonly toId: string | null
  readonly toSealed: Buffer | null
  readonly toBlind: Buffer
  readonly topic: Topic
  readonly template: Template
  readonly paramsSealed: Buffer
  readonly lang: Lang
  readonly channel: Channel
  readonly state: MessageState
  readonly why: string | null
  readonly isUrgent: boolean
  readonly isCounted: boolean
  readonly tries: number
  readonly createdAt: Date
  readonly dueAt: Date
  readonly expiresAt: Date | null
  readonly settledAt: Date | null
}

const message = sql`id, to_kind as "toKind", to_id as "toId", to_sealed as "toSealed", to_blind as "toBlind", topic, template,
  params_sealed as "paramsSealed", lang, channel, state, why, is_urgent as "isUrgent", is_counted as "isCounted", tries,
  created_at as "createdAt", due_at as "dueAt", expires_at as "expiresAt", settled_at as "settledAt"`

/** False when a message with this key exists. */
export const insertMessage = async (tx: Tx, tenantId: number, m: MessageRow, dedupeKey: string): Promise<boolean> =>
  (await tx.run(sql`
    insert into notify.message (tenant_id, id, to_kind, to_id, to_sealed, to_blind, topic, template, params_sealed, lang, channel, state, why,
      is_urgent, is_counted, dedupe_key, tries, created_at, due_at, expires_at, settled_at)
    values (${tenantId}, ${m.id}, ${m.toKind}, ${m.toId}, ${m.toSealed}, ${m.toBlind}, ${m.topic}, ${m.template}, ${m.paramsSealed}, ${m.lang},
      ${m.channel}, ${m.state}, ${m.why}, ${m.isUrgent}, ${m.isCounted}, ${dedupeKey}, ${m.tries}, ${m.createdAt}, ${m.dueAt}, ${m.expiresAt}, ${m.settledAt})
    on conflict (tenant_id, dedupe_key) do nothing`)) === 1

export const findIdByKey = (tx: Tx, tenantId: number, dedupeKey: string): Promise<{ id: string } | undefined> =>
  tx.maybe(sql`select id from notify.message where tenant_id = ${tenantId} and dedupe_key = ${dedupeKey}`)

/** Takes due messages, or one by its id, for as long as the lease; other workers pass over them. */
export const takeDue = (tx: Tx, tenantId: number, now: Date, until: Date, max: number, only?: string): Promise<MessageRow[]> =>
  tx.rows(sql`
    update notify.message set due_at = ${until}
    where tenant_id = ${tenantId} and id in (
      select id from notify.message
      where tenant_id = ${tenantId} and state = 'queued' and due_at <= ${now} and (${only ?? null}::uuid is null or id = ${only ?? null})
      order by due_at limit ${max} for update skip locked)
    returning ${message}`)

export const settle = (
  tx: Tx,
  tenantId: number,
  id: string,
  state: Exclude<MessageState, 'queued'>,
  why: string | null,
  now: Date,
): Promise<number> =>
  tx.run(
    sql`update notify.message set state = ${state}, why = ${why}, settled_at = ${now} where tenant_id = ${tenantId} and id = ${id} and state = 'queued'`,
  )

export const putOff = (tx: Tx, tenantId: number, id: string, dueAt: Date, tries: number, why: string): Promise<number> =>
  tx.run(
    sql`update notify.message set due_at = ${dueAt}, tries = ${tries}, why = ${why} where tenant_id = ${tenantId} and id = ${id} and state = 'queued'`,
  )

/** Takes one place of a day's budget; false when it is used up. The row lock makes parallel workers count in turn. */
export const takeBudget = async (tx: Tx, tenantId: number, toBlind: Buffer, dayOn: string, max: number): Promise<boolean> =>
  (await tx.run(sql`
    insert into notify.budget as b (tenant_id, to_blind, day_on, used) values (${tenantId}, ${toBlind}, ${dayOn}, 1)
    on conflict (tenant_id, to_blind, day_on) do update set used = b.used + 1 where b.used < ${max}`)) === 1

export const markCounted = (tx: Tx, tenantId: number, id: string): Promise<number> =>
  tx.run(sql`update notify.message set is_counted = true where tenant_id = ${tenantId} and id = ${id}`)

export const purgeBudgets = (tx: Tx, tenantId: number, beforeOn: string): Promise<number> =>
  tx.run(sql`delete from notify.budget where tenant_id = ${tenantId} and day_on < ${beforeOn}`)

export const isOptedOut = async (tx: Tx, tenantId: number, personId: string, channel: OutsideChannel, topic: Topic): Promise<boolean> =>
  (await tx.maybe(sql`
    select 1 from notify.preference
    where tenant_id = ${tenantId} and person_id = ${personId} and channel = ${channel} and topic in (${topic}, '*') and opted_out`)) !==
  undefined

export interface PreferenceRow {
  readonly channel: OutsideChannel
  readonly topic: Topic | '*'
  readonly optedOut: boolean
}

export const upsertPreference = (tx: Tx, tenantId: number, personId: string, p: PreferenceRow, now: Date): Promise<number> =>
  tx.run(sql`
    insert into notify.preference (tenant_id, person_id, channel, topic, opted_out, changed_at)
    values (${tenantId}, ${personId}, ${p.channel}, ${p.topic}, ${p.optedOut}, ${now})
    on conflict (tenant_id, person_id, channel, topic) do update set opted_out = excluded.opted_out, changed_at = excluded.changed_at`)

export const listPreferences = (tx: Tx, tenantId: number, personId: string): Promise<PreferenceRow[]> =>
  tx.rows(sql`
    select channel, topic, opted_out as "optedOut" from notify.preference
    where tenant_id = ${tenantId} and person_id = ${personId} order by channel, topic limit 50`)

export const upsertAddress = (tx: Tx, tenantId: number, personId: string, channel: 'wechat', sealed: Buffer, now: Date): Promise<number> =>
  tx.run(sql`
    insert into notify.address (tenant_id, person_id, channel, address_sealed, changed_at) values (${tenantId}, ${personId}, ${channel}, ${sealed}, ${now})
    on conflict (tenant_id, person_id, channel) do update set address_sealed = excluded.address_sealed, changed_at = excluded.changed_at`)

export const findAddress = (tx: Tx, tenantId: number, personId: string, channel: 'wechat'): Promise<{ sealed: Buffer } | undefined> =>
  tx.maybe(
    sql`select address_sealed as sealed from notify.address where tenant_id = ${tenantId} and person_id = ${personId} and channel = ${channel}`,
  )

export const listMessagesTo = (tx: Tx, tenantId: number, toKind: 'person' | 'staff', toId: string, max: number): Promise<MessageRow[]> =>
  tx.rows(sql`
    select ${message} from notify.message
    where tenant_id = ${tenantId} and to_kind = ${toKind} and to_id = ${toId} and topic <> 'sign_in'
    order by created_at desc, id desc limit ${max}`)
