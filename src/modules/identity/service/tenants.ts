import { type Ctx, type Kernel, makeId, permit } from '#kernel/context.ts'
import type { Db } from '#kernel/db/index.ts'
import { fail, ok, type Result } from '#kernel/result.ts'
import { errors } from '../errors.ts'
import { AREAS_MAX } from '../model.ts'
import * as store from '../store.ts'

/** Makes the tenant known or brings its names up to date. For start-up and the command line. */
export async function ensureTenant(kernel: Kernel, tenant: store.TenantRow): Promise<void> {
  await kernel.db.tx(tenant.id, tx => store.upsertTenant(tx, tenant, kernel.clock.now()))
}

/** Every sub-district of this installation; the table is a reference, not tied to one tenant. */
export const listTenants = (db: Db): Promise<store.TenantRow[]> => db.read(0, tx => store.listTenants(tx))

/** Adds areas or renames them; codes of 9, 12 or 15 digits. Returns how many. */
export async function importAreas(ctx: Ctx, areas: readonly store.AreaRow[]): Promise<Result<number>> {
  const may = permit(ctx, 'identity.area.write')
  if (!may.ok) return may
  const known = new Set(areas.map(area => area.code))
  const wrong = areas.find(area => !/^\d{9}(\d{3}){0,2}$/.test(area.code))
  if (wrong || known.size !== areas.length || areas.length > AREAS_MAX) return fail(errors.area_unknown, { code: wrong?.code ?? '' })
  return ctx.kernel.db.tx(ctx.tenantId, async tx => ok(await store.upsertAreas(tx, ctx.tenantId, areas)))
}

/** Public: names of places are on every form. Ordered by code, so that each area follows its parent. */
export const listAreas = (ctx: Ctx): Promise<store.AreaRow[]> =>
  ctx.kernel.db.read(ctx.tenantId, tx => store.listAreas(tx, ctx.tenantId, AREAS_MAX))

export interface DeviceInput {
  /** SHA-256 of the certificate, hexadecimal, lower case. */
  readonly fingerprint: string
  readonly kind: store.DeviceRow['kind']
  readonly areaCode?: string
}

/** Makes a device known by its certificate. Doing it twice changes nothing. */
export async function registerDevice(ctx: Ctx, input: DeviceInput): Promise<Result<{ id: string }>> {
  const may = permit(ctx, 'identity.device.manage')
  if (!may.ok) return may
  return ctx.kernel.db.tx(ctx.tenantId, async tx => {
    if (input.areaCode && !(await store.hasArea(tx, ctx.tenantId, input.areaCode)))
      return fail(errors.area_unknown, { code: input.areaCode })
    const device = { id: makeId(ctx), fingerprint: input.fingerprint, kind: input.kind, areaCode: input.areaCode ?? null }
    if (await store.insertDevice(tx, ctx.tenantId, device, ctx.kernel.clock.now())) return ok({ id: device.id })
    const known = await store.findDevice(tx, ctx.tenantId, input.fingerprint)
    return known ? ok({ id: known.id }) : fail(errors.area_unknown)
  })
}

/** The device a client certificate belongs to. */
export const findDevice = (kernel: Kernel, tenantId: number, fingerprint: string): Promise<store.DeviceRow | undefined> =>
  kernel.db.read(tenantId, tx => store.findDevice(tx, tenantId, fingerprint))
