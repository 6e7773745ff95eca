import { sql, type Tx } from '#kernel/db/index.ts'
import type { Role } from '../model.ts'

export interface ChangeRow {
  readonly id: string
  readonly staffId: string
  readonly kind: 'role' | 'reset' | 'open' | 'close'
  readonly role: Role | null
  readonly areaCode: string | null
  readonly billerId: string | null
  readonly why: string
  readonly proposedBy: string
  readonly proposedAt: Date
  readonly expiresAt: Date
}

const change = sql`c.id, c.staff_id as "staffId", c.kind, c.role, c.area_code as "areaCode", c.biller_id as "billerId", c.why, c.proposed_by as "proposedBy",
  c.proposed_at as "proposedAt", c.expires_at as "expiresAt"`

/** Proposals nobody decided in time make room for a new one. */
export const closeExpired = (tx: Tx, tenantId: number, staffId: string, now: Date): Promise<number> =>
  tx.run(sql`
    update identity.staff_change set decided_at = ${now}, outcome = 'expired'
    where tenant_id = ${tenantId} and staff_id = ${staffId} and decided_at is null and expires_at <= ${now}`)

/** False while another proposal of the kind is open for the account. */
export const insertChange = async (tx: Tx, tenantId: number, c: ChangeRow): Promise<boolean> =>
  (await tx.run(sql`
    insert into identity.staff_change (tenant_id, id, staff_id, kind, role, area_code, biller_id, why, proposed_by, proposed_at, expires_at)
    values (${tenantId}, ${c.id}, ${c.staffId}, ${c.kind}, ${c.role}, ${c.areaCode}, ${c.billerId}, ${c.why}, ${c.proposedBy}, ${c.proposedAt}, ${c.expiresAt})
    on conflict (tenant_id, staff_id, kind) where decided_at is null do nothing`)) === 1

/** Locks the proposal: of two who decide at once one finds it decided. */
export const takeOpenChange = (tx: Tx, tenantId: number, id: string, now: Date): Promise<ChangeRow | undefined> =>
  tx.maybe(sql`
    select ${change} from identity.staff_change c
    where c.tenant_id = ${tenantId} and c.id = ${id} and c.decided_at is null and c.expires_at > ${now} for no key update`)

export const listOpenChanges = (tx: Tx, tenantId: number, now: Date): Promise<ChangeRow[]> =>
  tx.rows(sql`
    select ${change} from identity.staff_change c
    where c.tenant_id = ${tenantId} and c.decided_at is null and c.expires_at > ${now} order by c.proposed_at limit 200`)

export const decideChange = (
  tx: Tx,
  tenantId: number,
  id: string,
  by: string,
  outcome: 'approved' | 'declined',
  now: Date,
): Promise<number> =>
  tx.run(sql`
    update identity.staff_change set decided_by = ${by}, decided_at = ${now}, outcome = ${outcome}
    where tenant_id = ${tenantId} and id = ${id} and decided_at is null`)

/** Lets go of the name of an account that was proposed, never opened, and waits for nobody any more. */
export const withdrawUnopened = (tx: Tx, tenantId: number, username: string, now: Date): Promise<number> =>
  tx.run(sql`
    update identity.staff s set withdrawn_at = ${now}
    where s.tenant_id = ${tenantId} and s.username = ${username} and s.withdrawn_at is null and s.disabled_at is not null
      and exists (
        select 1 from identity.staff_change c where c.tenant_id = ${tenantId} and c.staff_id = s.id and c.kind = 'open' and c.proposed_at = s.created_at)
      and not exists (
        select 1 from identity.staff_change c where c.tenant_id = ${tenantId} and c.staff_id = s.id
          and (c.outcome = 'approved' or (c.decided_at is null and c.expires_at > ${now})))`)

export interface EnrolmentRow {
  readonly digest: Buffer
  readonly staffId: string
  readonly totpSealed: Buffer
}

export const voidEnrolments = (tx: Tx, tenantId: number, staffId: string, now: Date): Promise<number> =>
  tx.run(sql`update identity.enrolment set used_at = ${now} where tenant_id = ${tenantId} and staff_id = ${staffId} and used_at is null`)

export const insertEnrolment = (tx: Tx, tenantId: number, e: EnrolmentRow, now: Date, expiresAt: Date): Promise<number> =>
  tx.run(sql`
    insert into identity.enrolment (tenant_id, digest, staff_id, totp_sealed, created_at, expires_at)
    values (${tenantId}, ${e.digest}, ${e.staffId}, ${e.totpSealed}, ${now}, ${expiresAt})`)

export const findEnrolment = (tx: Tx, tenantId: number, digest: Buffer, now: Date): Promise<EnrolmentRow | undefined> =>
  tx.maybe(sql`
    select digest, staff_id as "staffId", totp_sealed as "totpSealed" from identity.enrolment
    where tenant_id = ${tenantId} and digest = ${digest} and used_at is null and expires_at > ${now}`)

/** False when another request used the code first. */
export const useEnrolment = async (tx: Tx, tenantId: number, digest: Buffer, now: Date): Promise<boolean> =>
  (await tx.run(
    sql`update identity.enrolment set used_at = ${now} where tenant_id = ${tenantId} and digest = ${digest} and used_at is null`,
  )) === 1

/** New secrets of an account; whatever locked it is over. */
export const setSecrets = (
  tx: Tx,
  tenantId: number,
  id: string,
  s: { passwordHash: string; totpSealed: Buffer; totpStep: number },
): Promise<number> =>
  tx.run(sql`
    update identity.staff set password_hash = ${s.passwordHash}, totp_sealed = ${s.totpSealed}, totp_step = ${s.totpStep}, failures = 0, locked_until = null
    where tenant_id = ${tenantId} and id = ${id}`)

export const setPassword = (tx: Tx, tenantId: number, id: string, passwordHash: string): Promise<number> =>
  tx.run(sql`update identity.staff set password_hash = ${passwordHash} where tenant_id = ${tenantId} and id = ${id}`)

export interface OwnSessionRow {
  readonly digest: Buffer
  readonly createdAt: Date
  readonly seenAt: Date
}

export const listSessionsOf = (tx: Tx, tenantId: number, holderId: string, now: Date, idleSince: Date): Promise<OwnSessionRow[]> =>
  tx.rows(sql`
    select digest, created_at as "createdAt", seen_at as "seenAt" from identity.session
    where tenant_id = ${tenantId} and holder_id = ${holderId} and kind = 'staff' and revoked_at is null and expires_at > ${now}
      and seen_at > ${idleSince} and second_factor_at is not null
    order by created_at desc limit 100`)

export const endSessionOf = (tx: Tx, tenantId: number, holderId: string, digest: Buffer, now: Date): Promise<number> =>
  tx.run(sql`
    update identity.session set revoked_at = ${now}
    where tenant_id = ${tenantId} and holder_id = ${holderId} and digest = ${digest} and revoked_at is null`)

export const endOtherSessionsOf = (tx: Tx, tenantId: number, holderId: string, kept: Buffer, now: Date): Promise<number> =>
  tx.run(sql`
    update identity.session set revoked_at = ${now}
    where tenant_id = ${tenantId} and holder_id = ${holderId} and digest <> ${kept} and revoked_at is null`)
