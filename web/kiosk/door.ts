import type { FastifyReply, FastifyRequest } from 'fastify'
import type { Ctx } from '#kernel/context.ts'
import { type Server, toAppError } from '#kernel/http/server.ts'
import type { AppError } from '#kernel/result.ts'
import {
  type Device,
  endKioskVisit,
  findDevice,
  findKioskVisit,
  hasPass,
  kioskPayer,
  startKioskVisit,
  type VisitEnd,
} from '#modules/identity/index.ts'
import { closeOrder, findOrderByCode, listOrdersOf, type OrderView, orderStateOf } from '#modules/payments/index.ts'
import { findHelp } from '#modules/tasks/index.ts'
import type { Pages } from '#web/resident/routes/pages.ts'
import { cookieName, cookieOptions, isOwnForm, type Visit, visitErrors } from '#web/visit.ts'
import { outPage, proofPage, troublePage } from './device.tsx'
import type { KioskPageContext } from './frame.tsx'
import { kioskPaths } from './paths.ts'

const VISIT_S_MAX = 20 * 60
export const DEVICE_S_MAX = 400 * 86_400

/** What the browser of a kiosk keeps of a visit, sealed: nobody reads it, and once the visit ended it opens nothing. */
interface Kept {
  readonly visit: string
  /** Code of the bill looked at. */
  readonly bill?: string
  /** The account whose bills were asked for by number. */
  readonly account?: { readonly id: string; readonly accountNo: string; readonly billerId: string }
}

export interface Held extends Omit<Kept, 'visit'> {
  readonly payer: string
}

/** A machine of ours that proved itself, and the visit it serves. */
export interface Kiosk {
  readonly visit: Visit
  readonly ctx: Ctx
  readonly device: Device
  readonly page: KioskPageContext
  readonly held: Held | undefined
}

/** A reply that was sent already may arrive as nothing: it can be waited for like a promise. */
export const isKiosk = (entered: Kiosk | FastifyReply): entered is Kiosk => typeof entered === 'object' && 'device' in entered

export type KioskHandler = (kiosk: Kiosk, request: FastifyRequest, reply: FastifyReply) => Promise<FastifyReply>

export interface KioskDoor {
  get(server: Server, path: string, handler: KioskHandler): void
  /** A form of our own pages; anything else leads back to the start. */
  form(server: Server, path: string, handler: KioskHandler, per_minute?: number): void
  /** The device that asks, without asking for its proof. */
  findDevice(request: FastifyRequest): Promise<Device | undefined>
  /** The order the visit is about: its newest, unless that was given up. */
  findOrder(kiosk: Kiosk): Promise<OrderView | undefined>
  /** Begins a visit about a bill or an account; the one there was is over, its open order closed. */
  begin(kiosk: Kiosk, reply: FastifyReply, about: Omit<Kept, 'visit'>): Promise<void>
  /** Goes on with the same visit. */
  keep(kiosk: Kiosk, request: FastifyRequest, reply: FastifyReply, about: Omit<Kept, 'visit'>): void
  /** Ends the visit and takes what this browser kept of it. `paid` when its order turns out to be: then nothing is ended. */
  end(kiosk: Kiosk, reply: FastifyReply, why: VisitEnd): Promise<'ended' | 'paid'>
}

export function openKioskDoor(pages: Pages): KioskDoor {
  const { kernel, tenantId } = pages.options
  const names = { device: cookieName(kernel, 'device'), pass: cookieName(kernel, 'device_pass'), visit: cookieName(kernel, 'kiosk') }
  const cellOf = (device: Device): string => `web|kiosk|${device.id}`

  const findOwn = (request: FastifyRequest) => findDevice(kernel, tenantId, request.cookies[names.device] ?? '')

  function readKept(device: Device, request: FastifyRequest): Kept | undefined {
    const sealed = request.cookies[names.visit]
    if (!sealed) return undefined
    try {
      return JSON.parse(kernel.vault.open(tenantId, cellOf(device), Buffer.from(sealed, 'base64url'))) as Kept
    } catch {
      return undefined
    }
  }
  function writeKept(device: Device, reply: FastifyReply, kept: Kept): void {
    const sealed = kernel.vault.seal(tenantId, cellOf(device), JSON.stringify(kept)).toString('base64url')
    void reply.setCookie(names.visit, sealed, cookieOptions(kernel, VISIT_S_MAX))
  }

  async function enter(request: FastifyRequest, reply: FastifyReply): Promise<Kiosk | FastifyReply> {
    const visit = await pages.visit(request, reply)
    const device = await findOwn(request)
    if (!device) return pages.html(reply, outPage(visit.page), 403)
    if (!hasPass(kernel, device, request.cookies[names.pass] ?? '')) {
      if (request.method !== 'GET') return reply.redirect(kioskPaths.resume, 303)
      return pages.html(reply, proofPage(visit.page))
    }
    const actor: Ctx['actor'] = { kind: 'device', id: device.id, permissions: new Set(), ...(device.areaCode && { area: device.areaCode }) }
    const ctx = { ...visit.ctx, actor }
    const kept = readKept(device, request)
    const payer = kept && findKioskVisit(kernel, device, kept.visit)
    const help = await findHelp(ctx)
    return {
      visit,
      ctx,
      device,
      page: {
        ...visit.page,
        title: device.title,
        now: kernel.clock.now(),
        ...(help && { help: help.by ? { by: help.by.nameMasked } : {} }),
      },
      held: kept && payer ? { payer, ...(kept.bill && { bill: kept.bill }), ...(kept.account && { account: kept.account }) } : undefined,
    }
  }

  /** A fault of ours is told in the frame of the kiosk, which leads nowhere else; it comes back by itself. */
  async function serve(handler: KioskHandler, request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply> {
    try {
      const entered = await enter(request, reply)
      return isKiosk(entered) ? await handler(entered, request, reply) : entered
    } catch (thrown) {
      const error: AppError = toAppError(thrown)
      if (error.status < 500) throw thrown
      kernel.log.error({ requestId: request.id, route: request.routeOptions.url, err: thrown }, 'kiosk request failed')
      const lang = request.cookies.yimen_lang === 'en' ? 'en' : 'zh-CN'
      return pages.html(reply, troublePage(lang, pages.options.phone), error.status)
    }
  }

  const findOrder: KioskDoor['findOrder'] = async ({ ctx, held }) => {
    const newest = held && (await listOrdersOf(ctx, [held.payer], 1)).orders[0]
    return newest && orderStateOf(newest.state) !== 'closed' ? findOrderByCode(ctx, newest.code) : undefined
  }

  /** What a visit left behind: an order nobody will pay any more must not keep the bill from the next person. */
  async function closeLeft(ctx: Ctx, payer: string): Promise<'closed' | 'paid' | 'unknown'> {
    const open = (await listOrdersOf(ctx, [payer], 1)).orders.find(order => orderStateOf(order.state) === 'open')
    return open ? closeOrder(ctx, open.id, 'cancelled_by_payer') : 'closed'
  }

  return {
    findDevice: findOwn,
    findOrder,
    get(server, path, handler) {
      server.get(path, { schema: { hide: true } }, (request, reply) => serve(handler, request, reply))
    },
    form(server, path, handler, per_minute = 120) {
      const config = { rateLimit: { max: per_minute, timeWindow: '1 minute' } }
      server.post(path, { schema: { hide: true }, config }, async (request, reply) => {
        if (isOwnForm(kernel, request)) return serve(handler, request, reply)
        pages.refused(await pages.visit(request, reply), visitErrors.cross_site, `POST ${path}`)
        return reply.redirect(kioskPaths.resume, 303)
      })
    },
    async begin(kiosk, reply, about) {
      // Also one whose browser lost what it kept.
      const left = kioskPayer(kiosk.device)
      if (left) await closeLeft(kiosk.ctx, left)
      await endKioskVisit(kiosk.ctx, kiosk.device, 'replaced')
      const { visit } = await startKioskVisit(kiosk.ctx, kiosk.device)
      writeKept(kiosk.device, reply, { visit, ...about })
    },
    keep({ device }, request, reply, about) {
      const kept = readKept(device, request)
      if (kept) writeKept(device, reply, { ...kept, ...about })
    },
    async end({ ctx, device, held }, reply, why) {
      const left = kioskPayer(device)
      if (left && (await closeLeft(ctx, left)) === 'paid' && held) return 'paid'
      await endKioskVisit(ctx, device, why)
      for (const name of [names.visit, cookieName(kernel, 'browser')]) void reply.clearCookie(name, cookieOptions(kernel, 0))
      for (const name of ['yimen_lang', 'yimen_elder']) void reply.clearCookie(name, { path: '/', sameSite: 'lax' })
      return 'ended'
    },
  }
}
