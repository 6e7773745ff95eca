import { type Sql, sql, type Tx } from '#kernel/db/index.ts'
import type { Masked, Role } from './model.ts'

export interface TenantRow {
  readonly id: number
  readonly code: string
  readonly nameZh: string
  readonly nameEn: string
  readonly phone: string
}

export interface AreaRow {
  readonly code: string
  readonly nameZh: string
  readonly nameEn: string
}

export interface PersonRow {
  readonly id: string
  readonly nameSealed: Buffer | null
  readonly nameMask: Masked | null
  readonly idNumberSealed: Buffer | null
  readonly idNumberMask: Masked | null
  readonly phoneSealed: Buffer | null
  readonly phoneMask: Masked | null
  readonly areaCode: string | null
}

export interface NewPerson extends PersonRow {
  readonly nameBlind: Buffer | null
  readonly idNumberBlind: Buffer | null
  readonly phoneBlind: Buffer | null
  readonly createdAt: Date
}

export interface StaffRow {
  readonly id: string
  readonly username: string
  readonly name: string
  readonly role: Role
  readonly areaCode: string | null
  /** Whose staff it is, for the role `biller` and no other. */
  readonly billerId: string | null
  readonly passwordHash: string
  readonly totpSealed: Buffer
  readonly totpStep: number
  readonly failures: number
  readonly lockedUntil: Date | null
  readonly disabledAt: Date | null
}

export interface SessionRow {
  readonly digest: Buffer
  readonly kind: 'resident' | 'staff'
  readonly holderId: string
  readonly secondFactorAt: Date | null
  readonly createdAt: Date
  readonly seenAt: Date
  readonly expiresAt: Date
}

const tenant = sql`tenant_id as id, code, name_zh as "nameZh", name_en as "nameEn", phone`

export const upsertTenant = (tx: Tx, t: TenantRow, now: Date): Promise<number> =>
  tx.run(sql`
    insert into identity.tenant (tenant_id, code, name_zh, name_en, phone, opened_at) values (${t.id}, ${t.code}, ${t.nameZh}, ${t.nameEn}, ${t.phone}, ${now})
    on conflict (tenant_id) do update set code = excluded.code, name_zh = excluded.name_zh, name_en = excluded.name_en, phone = excluded.phone`)

export const listTenants = (tx: Tx): Promise<TenantRow[]> =>
  tx.rows(sql`select ${tenant} from identity.tenant order by tenant_id limit 1000`)

export const upsertAreas = (tx: Tx, tenantId: number, areas: readonly AreaRow[]): Promise<number> =>
  tx.run(sql`
    insert into identity.area (tenant_id, code, name_zh, name_en)
    select ${tenantId}::integer, * from unnest(${areas.map(a => a.code)}::text[], ${areas.map(a => a.nameZh)}::text[], ${areas.map(a => a.nameEn)}::text[])
    on conflict (tenant_id, code) do update set name_zh = excluded.name_zh, name_en = excluded.name_en`)

export const listAreas = (tx: Tx, tenantId: number, max: number): Promise<AreaRow[]> =>
  tx.rows(
    sql`select code, name_zh as "nameZh", name_en as "nameEn" from identity.area where tenant_id = ${tenantId} order by code limit ${max}`,
  )

export const hasArea = async (tx: Tx, tenantId: number, code: string): Promise<boolean> =>
  (await tx.maybe(sql`select 1 from identity.area where tenant_id = ${tenantId} and code = ${code}`)) !== undefined

const person = sql`id, name_sealed as "nameSealed", name_mask as "nameMask", id_number_sealed as "idNumberSealed",
  id_number_mask as "idNumberMask", phone_sealed as "phoneSealed", phone_mask as "phoneMask", area_code as "areaCode"`

const findPerson = (tx: Tx, tenantId: number, where: Sql): Promise<PersonRow | undefined> =>
  tx.maybe(sql`select ${person} from identity.person where tenant_id = ${tenantId} and ${where}`)

export const findPersonById = (tx: Tx, tenantId: number, id: string) => findPerson(tx, tenantId, sql`id = ${id}`)
export const findPersonByPhone = (tx: Tx, tenantId: number, blind: Buffer) => findPerson(tx, tenantId, sql`phone_blind = ${blind}`)
export const findPersonByIdNumber = (tx: Tx, tenantId: number, blind: Buffer) => findPerson(tx, tenantId, sql`id_number_blind = ${blind}`)

/** People of exactly this name, or in a home of exactly this address; a name may be that of many. */
export const listPeopleByName = (tx: Tx, tenantId: number, blind: Buffer, max: number): Promise<PersonRow[]> =>
  tx.rows(sql`select ${person} from identity.person where tenant_id = ${tenantId} and name_blind = ${blind} order by id limit ${max}`)

export const listPeopleByAddress = (tx: Tx, tenantId: number, blind: Buffer, max: number): Promise<PersonRow[]> =>
  tx.rows(sql`
    select ${person} from identity.person where tenant_id = ${tenantId} and id in (
      select m.person_id from identity.household_member m join identity.household h on h.tenant_id = m.tenant_id and h.id = m.household_id
      where h.tenant_id = ${tenantId} and h.address_blind = ${blind})
    order by id limit ${max}`)

/** False when telephone or id number belong to somebody already. */
export const insertPerson = async (tx: Tx, tenantId: number, p: NewPerson): Promise<boolean> =>
  (await tx.run(sql`
    insert into identity.person (tenant_id, id, name_sealed, name_blind, name_mask, id_number_sealed, id_number_blind, id_number_mask, phone_sealed, phone_blind, phone_mask, area_code, created_at)
    values (${tenantId}, ${p.id}, ${p.nameSealed}, ${p.nameBlind}, ${p.nameMask}, ${p.idNumberSealed}, ${p.idNumberBlind}, ${p.idNumberMask}, ${p.phoneSealed}, ${p.phoneBlind}, ${p.phoneMask}, ${p.areaCode}, ${p.createdAt})
    on conflict do nothing`)) === 1

export interface HouseholdRow {
  readonly id: string
  readonly addressMask: Masked
  readonly areaCode: string | null
}

export const insertHousehold = (
  tx: Tx,
  tenantId: number,
  h: HouseholdRow & { addressSealed: Buffer; addressBlind: Buffer; createdAt: Date },
): Promise<number> =>
  tx.run(sql`
    insert into identity.household (tenant_id, id, address_sealed, address_blind, address_mask, area_code, created_at)
    values (${tenantId}, ${h.id}, ${h.addressSealed}, ${h.addressBlind}, ${h.addressMask}, ${h.areaCode}, ${h.createdAt})`)

export const insertMember = (
  tx: Tx,
  tenantId: number,
  householdId: string,
  personId: string,
  relation: string,
  now: Date,
): Promise<number> =>
  tx.run(sql`
    insert into identity.household_member (tenant_id, household_id, person_id, relation, joined_at)
    values (${tenantId}, ${householdId}, ${personId}, ${relation}, ${now}) on conflict do nothing`)

export const listHouseholds = (tx: Tx, tenantId: number, personId: string): Promise<(HouseholdRow & { relation: string })[]> =>
  tx.rows(sql`
    select h.id, h.address_mask as "addressMask", h.area_code as "areaCode", m.relation
    from identity.household_member m join identity.household h on h.tenant_id = m.tenant_id and h.id = m.household_id
    where m.tenant_id = ${tenantId} and m.person_id = ${personId} order by m.joined_at limit 20`)

const staff = sql`id, username, name, role, area_code as "areaCode", biller_id as "billerId", password_hash as "passwordHash", totp_sealed as "totpSealed",
  totp_step as "totpStep", failures, locked_until as "lockedUntil", disabled_at as "disabledAt"`

export const findStaffByUsername = (tx: Tx, tenantId: number, username: string): Promise<StaffRow | undefined> =>
  tx.maybe(sql`select ${staff} from identity.staff where tenant_id = ${tenantId} and username = ${username} and withdrawn_at is null`)

export const findStaffById = (tx: Tx, tenantId: number, id: string): Promise<StaffRow | undefined> =>
  tx.maybe(sql`select ${staff} from identity.staff where tenant_id = ${tenantId} and id = ${id}`)

/** Locks the row: failures of parallel guesses must all be counted. */
export const takeStaff = (tx: Tx, tenantId: number, id: string): Promise<StaffRow | undefined> =>
  tx.maybe(sql`select ${staff} from identity.staff where tenant_id = ${tenantId} and id = ${id} for no key update`)

export const listStaff = (tx: Tx, tenantId: number): Promise<StaffRow[]> =>
  tx.rows(sql`select ${staff} from identity.staff where tenant_id = ${tenantId} and withdrawn_at is null order by username limit 1000`)

export const listStaffByIds = (tx: Tx, tenantId: number, ids: readonly string[]): Promise<Pick<StaffRow, 'id' | 'name' | 'role'>[]> =>
  tx.rows(sql`select id, name, role from identity.staff where tenant_id = ${tenantId} and id = any (${[...ids]}::uuid[])`)

/** False when the user name is taken. */
export const insertStaff = async (
  tx: Tx,
  tenantId: number,
  s: Pick<StaffRow, 'id' | 'username' | 'name' | 'role' | 'areaCode' | 'billerId' | 'passwordHash' | 'totpSealed'>,
  now: Date,
): Promise<boolean> =>
  (await tx.run(sql`
    insert into identity.staff (tenant_id, id, username, name, role, area_code, biller_id, password_hash, totp_sealed, totp_step, failures, created_at)
    values (${tenantId}, ${s.id}, ${s.username}, ${s.name}, ${s.role}, ${s.areaCode}, ${s.billerId}, ${s.passwordHash}, ${s.totpSealed}, 0, 0, ${now})
    on conflict do nothing`)) === 1

export const setFailures = (tx: Tx, tenantId: number, id: string, failures: number, lockedUntil: Date | null): Promise<number> =>
  tx.run(sql`update identity.staff set failures = ${failures}, locked_until = ${lockedUntil} where tenant_id = ${tenantId} and id = ${id}`)

/** False when another sign-in used this or a later step first. */
export const useTotpStep = async (tx: Tx, tenantId: number, id: string, step: number): Promise<boolean> =>
  (await tx.run(
    sql`update identity.staff set totp_step = ${step}, failures = 0 where tenant_id = ${tenantId} and id = ${id} and totp_step < ${step}`,
  )) === 1

export const setRole = (tx: Tx, tenantId: number, id: string, to: Pick<StaffRow, 'role' | 'areaCode' | 'billerId'>): Promise<number> =>
  tx.run(
    sql`update identity.staff set role = ${to.role}, area_code = ${to.areaCode}, biller_id = ${to.billerId} where tenant_id = ${tenantId} and id = ${id}`,
  )

export const disableStaff = (tx: Tx, tenantId: number, id: string, now: Date): Promise<number> =>
  tx.run(sql`update identity.staff set disabled_at = ${now} where tenant_id = ${tenantId} and id = ${id} and disabled_at is null`)

export const openStaff = (tx: Tx, tenantId: number, id: string): Promise<number> =>
  tx.run(sql`update identity.staff set disabled_at = null where tenant_id = ${tenantId} and id = ${id}`)

export const insertSession = (tx: Tx, tenantId: number, s: Omit<SessionRow, 'createdAt'>): Promise<number> =>
  tx.run(sql`
    insert into identity.session (tenant_id, digest, kind, holder_id, second_factor_at, created_at, seen_at, expires_at)
    values (${tenantId}, ${s.digest}, ${s.kind}, ${s.holderId}, ${s.secondFactorAt}, ${s.seenAt}, ${s.seenAt}, ${s.expiresAt})`)

const session = sql`s.digest, s.kind, s.holder_id as "holderId", s.second_factor_at as "secondFactorAt", s.created_at as "createdAt", s.seen_at as "seenAt", s.expires_at as "expiresAt"`

/** A session that still counts at `now`: not ended, not over, not idle since before `idleSince`. */
export const findSession = (
  tx: Tx,
  tenantId: number,
  kind: SessionRow['kind'],
  digest: Buffer,
  now: Date,
  idleSince: Date,
): Promise<SessionRow | undefined> =>
  tx.maybe(sql`
    select ${session} from identity.session s
    where s.tenant_id = ${tenantId} and s.digest = ${digest} and s.kind = ${kind} and s.revoked_at is null and s.expires_at > ${now} and s.seen_at > ${idleSince}`)

export const touchSession = (tx: Tx, tenantId: number, digest: Buffer, now: Date): Promise<number> =>
  tx.run(sql`update identity.session set seen_at = ${now} where tenant_id = ${tenantId} and digest = ${digest} and seen_at < ${now}`)

/** Number of sessions ended by this call: 0 when another one was first. */
export const endSession = (tx: Tx, tenantId: number, digest: Buffer, now: Date): Promise<number> =>
  tx.run(sql`update identity.session set revoked_at = ${now} where tenant_id = ${tenantId} and digest = ${digest} and revoked_at is null`)

export const endSessionsOf = (tx: Tx, tenantId: number, holderId: string, now: Date): Promise<number> =>
  tx.run(
    sql`update identity.session set revoked_at = ${now} where tenant_id = ${tenantId} and holder_id = ${holderId} and revoked_at is null`,
  )

/**
 * Counts one use in a window that begins with the first; returns how many there are now and when that was. The row lock makes parallel
 * callers count one after the other.
 */
export const countUse = async (
  tx: Tx,
  tenantId: number,
  purpose: string,
  key: Buffer,
  now: Date,
  windowBefore: Date,
): Promise<{ used: number; beganAt: Date }> =>
  tx.one(sql`
    insert into identity.quota as q (tenant_id, purpose, key, began_at, used) values (${tenantId}, ${purpose}, ${key}, ${now}, 1)
    on conflict (tenant_id, purpose, key) do update set
      used = case when q.began_at <= ${windowBefore} then 1 else q.used + 1 end,
      began_at = case when q.began_at <= ${windowBefore} then excluded.began_at else q.began_at end
    returning used, began_at as "beganAt"`)

export interface ChallengeRow {
  readonly digest: Buffer
  readonly codeDigest: Buffer
  readonly phoneSealed: Buffer
  readonly tries: number
  readonly expiresAt: Date
}

export const insertChallenge = (
  tx: Tx,
  tenantId: number,
  c: Omit<ChallengeRow, 'tries' | 'expiresAt'>,
  now: Date,
  expiresAt: Date,
): Promise<number> =>
  tx.run(sql`
    insert into identity.sms_challenge (tenant_id, digest, code_digest, phone_sealed, tries, created_at, expires_at)
    values (${tenantId}, ${c.digest}, ${c.codeDigest}, ${c.phoneSealed}, 0, ${now}, ${expiresAt})`)

/** Spends one try; undefined when the challenge is unknown, used, over or out of tries. The row lock orders parallel guesses. */
export const tryChallenge = (tx: Tx, tenantId: number, digest: Buffer, now: Date, triesMax: number): Promise<ChallengeRow | undefined> =>
  tx.maybe(sql`
    update identity.sms_challenge set tries = tries + 1
    where tenant_id = ${tenantId} and digest = ${digest} and used_at is null and expires_at > ${now} and tries < ${triesMax}
    returning digest, code_digest as "codeDigest", phone_sealed as "phoneSealed", tries, expires_at as "expiresAt"`)

export const findChallenge = (tx: Tx, tenantId: number, digest: Buffer): Promise<ChallengeRow | undefined> =>
  tx.maybe(sql`
    select digest, code_digest as "codeDigest", phone_sealed as "phoneSealed", tries, expires_at as "expiresAt" from identity.sms_challenge
    where tenant_id = ${tenantId} and digest = ${digest}`)

export const useChallenge = (tx: Tx, tenantId: number, digest: Buffer, now: Date): Promise<number> =>
  tx.run(sql`update identity.sms_challenge set used_at = ${now} where tenant_id = ${tenantId} and digest = ${digest}`)

/** What no longer serves: challenges and windows of yesterday, sessions long over. Returns rows removed. */
export const purge = async (tx: Tx, tenantId: number, challengesBefore: Date, sessionsBefore: Date): Promise<number> =>
  (await tx.run(sql`delete from identity.sms_challenge where tenant_id = ${tenantId} and expires_at < ${challengesBefore}`)) +
  (await tx.run(sql`delete from identity.quota where tenant_id = ${tenantId} and began_at < ${challengesBefore}`)) +
  (await tx.run(sql`delete from identity.enrolment where tenant_id = ${tenantId} and expires_at < ${challengesBefore}`)) +
  (await tx.run(sql`delete from identity.session where tenant_id = ${tenantId} and expires_at < ${sessionsBefore}`))

export interface ShareRow {
  readonly id: string
  readonly ownerId: string
  readonly otherId: string
  readonly scope: 'see' | 'pay'
  readonly grantedAt: Date
}

const share = sql`sh.id, sh.owner_id as "ownerId", sh.other_id as "otherId", sh.scope, sh.granted_at as "grantedAt"`

export const insertShare = async (tx: Tx, tenantId: number, s: ShareRow): Promise<boolean> =>
  (await tx.run(sql`
    insert into identity.share (tenant_id, id, owner_id, other_id, scope, granted_at)
    values (${tenantId}, ${s.id}, ${s.ownerId}, ${s.otherId}, ${s.scope}, ${s.grantedAt})
    on conflict (tenant_id, owner_id, other_id) where revoked_at is null do nothing`)) === 1

export const lockPerson = (tx: Tx, tenantId: number, id: string): Promise<{ id: string } | undefined> =>
  tx.maybe(sql`select id from identity.person where tenant_id = ${tenantId} and id = ${id} for no key update`)

export const listShares = (tx: Tx, tenantId: number, personId: string): Promise<(ShareRow & { ownerMask: Masked; otherMask: Masked })[]> =>
  tx.rows(sql`
    select ${share}, coalesce(o.name_mask, o.phone_mask, '**') as "ownerMask", coalesce(x.phone_mask, '****') as "otherMask"
    from identity.share sh
    join identity.person o on o.tenant_id = sh.tenant_id and o.id = sh.owner_id
    join identity.person x on x.tenant_id = sh.tenant_id and x.id = sh.other_id
    where sh.tenant_id = ${tenantId} and sh.revoked_at is null and (sh.owner_id = ${personId} or sh.other_id = ${personId})
    order by sh.granted_at limit 100`)

export const findShare = (tx: Tx, tenantId: number, ownerId: string, otherId: string): Promise<ShareRow | undefined> =>
  tx.maybe(sql`
    select ${share} from identity.share sh
    where sh.tenant_id = ${tenantId} and sh.owner_id = ${ownerId} and sh.other_id = ${otherId} and sh.revoked_at is null`)

export const findShareById = (tx: Tx, tenantId: number, id: string): Promise<ShareRow | undefined> =>
  tx.maybe(sql`select ${share} from identity.share sh where sh.tenant_id = ${tenantId} and sh.id = ${id} and sh.revoked_at is null`)

export const revokeShare = (tx: Tx, tenantId: number, id: string, now: Date): Promise<number> =>
  tx.run(sql`update identity.share set revoked_at = ${now} where tenant_id = ${tenantId} and id = ${id} and revoked_at is null`)
