import { type Sql, sql, type Tx } from '#kernel/db/index.ts'

/** What a machine last said of itself. */
export interface DeviceState {
  readonly page: string
  readonly version: string
  /** Time without the network before this word, ms. */
  readonly offline_ms: number
  /** Acts that waited for the network. */
  readonly queue: number
}

export interface DeviceRow {
  readonly id: string
  readonly kind: 'kiosk' | 'screen' | 'desk'
  readonly title: string
  readonly place: string
  readonly areaCode: string | null
  readonly codeExpiresAt: Date | null
  readonly publicKey: Buffer | null
  readonly fingerprint: string | null
  readonly enrolledAt: Date | null
  readonly visitDigest: Buffer | null
  readonly visitAt: Date | null
  readonly seenAt: Date | null
  readonly state: DeviceState | null
  readonly silentSince: Date | null
  /** Slips printed since the roll was changed. */
  readonly slips: number
  readonly revokedAt: Date | null
}

const device = sql`id, kind, title, place, area_code as "areaCode", code_expires_at as "codeExpiresAt", public_key as "publicKey", fingerprint,
  enrolled_at as "enrolledAt", visit_digest as "visitDigest", visit_at as "visitAt", seen_at as "seenAt", state, silent_since as "silentSince",
  slips, revoked_at as "revokedAt"`

const find = (tx: Tx, tenantId: number, where: Sql): Promise<DeviceRow | undefined> =>
  tx.maybe(sql`select ${device} from identity.device where tenant_id = ${tenantId} and ${where}`)

export const findByToken = (tx: Tx, tenantId: number, digest: Buffer) =>
  find(tx, tenantId, sql`token_digest = ${digest} and revoked_at is null`)
/** Locks the row: what a machine says and what staff decide follow each other. */
export const take = (tx: Tx, tenantId: number, id: string) => find(tx, tenantId, sql`id = ${id} for no key update`)
export const takeByCode = (tx: Tx, tenantId: number, digest: Buffer, now: Date) =>
  find(tx, tenantId, sql`code_digest = ${digest} and code_expires_at > ${now} and revoked_at is null for no key update`)

export const list = (tx: Tx, tenantId: number, max: number): Promise<DeviceRow[]> =>
  tx.rows(sql`select ${device} from identity.device where tenant_id = ${tenantId} order by revoked_at is not null, title, id limit ${max}`)

export const insert = (
  tx: Tx,
  tenantId: number,
  d: Pick<DeviceRow, 'id' | 'kind' | 'title' | 'place' | 'areaCode'>,
  code: { readonly digest: Buffer; readonly expiresAt: Date },
  now: Date,
): Promise<number> =>
  tx.run(sql`
    insert into identity.device (tenant_id, id, kind, title, place, area_code, added_at, code_digest, code_expires_at, slips)
    values (${tenantId}, ${d.id}, ${d.kind}, ${d.title}, ${d.place}, ${d.areaCode}, ${now}, ${code.digest}, ${code.expiresAt}, 0)`)

export const setCode = (tx: Tx, tenantId: number, id: string, code: { readonly digest: Buffer; readonly expiresAt: Date }) =>
  tx.run(
    sql`update identity.device set code_digest = ${code.digest}, code_expires_at = ${code.expiresAt} where tenant_id = ${tenantId} and id = ${id}`,
  )

/** The code is spent; whatever key and token there were before are void. */
export const enrol = (
  tx: Tx,
  tenantId: number,
  id: string,
  key: { readonly tokenDigest: Buffer; readonly publicKey: Buffer; readonly fingerprint: string },
  now: Date,
): Promise<number> =>
  tx.run(sql`
    update identity.device set code_digest = null, code_expires_at = null, token_digest = ${key.tokenDigest}, public_key = ${key.publicKey},
      fingerprint = ${key.fingerprint}, enrolled_at = ${now}, challenged_at = null, visit_digest = null, visit_at = null, seen_at = ${now}, silent_since = null
    where tenant_id = ${tenantId} and id = ${id}`)

export const hasFingerprint = async (tx: Tx, tenantId: number, fingerprint: string): Promise<boolean> =>
  (await tx.maybe(sql`select 1 from identity.device where tenant_id = ${tenantId} and fingerprint = ${fingerprint}`)) !== undefined

/** False when this challenge or a later one was answered before. */
export const noteProof = async (
  tx: Tx,
  tenantId: number,
  id: string,
  challengedAt: Date,
  state: DeviceState,
  now: Date,
): Promise<boolean> =>
  (await tx.run(sql`
    update identity.device set challenged_at = ${challengedAt}, state = ${JSON.stringify(state)}::jsonb, seen_at = ${now}, silent_since = null
    where tenant_id = ${tenantId} and id = ${id} and revoked_at is null and (challenged_at is null or challenged_at < ${challengedAt})`)) ===
  1

export const revoke = (tx: Tx, tenantId: number, id: string, now: Date): Promise<number> =>
  tx.run(sql`
    update identity.device set revoked_at = ${now}, code_digest = null, code_expires_at = null, visit_digest = null, visit_at = null
    where tenant_id = ${tenantId} and id = ${id} and revoked_at is null`)

export const setVisit = (tx: Tx, tenantId: number, id: string, digest: Buffer | null, now: Date): Promise<number> =>
  tx.run(sql`update identity.device set visit_digest = ${digest}, visit_at = ${digest && now} where tenant_id = ${tenantId} and id = ${id}`)

export const addSlip = (tx: Tx, tenantId: number, id: string): Promise<number> =>
  tx.run(sql`update identity.device set slips = slips + 1 where tenant_id = ${tenantId} and id = ${id}`)

export const resetSlips = (tx: Tx, tenantId: number, id: string): Promise<number> =>
  tx.run(sql`update identity.device set slips = 0 where tenant_id = ${tenantId} and id = ${id}`)

/** Those not heard of since `before` and not known to be silent; each is answered to one caller. */
export const markSilent = (tx: Tx, tenantId: number, before: Date): Promise<{ id: string; seenAt: Date }[]> =>
  tx.rows(sql`
    update identity.device set silent_since = seen_at
    where tenant_id = ${tenantId} and revoked_at is null and silent_since is null and seen_at < ${before}
    returning id, seen_at as "seenAt"`)
