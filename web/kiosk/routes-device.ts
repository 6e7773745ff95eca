import type { FastifyReply, FastifyRequest } from 'fastify'
import { z } from 'zod'
import type { Ctx } from '#kernel/context.ts'
import { httpErrors, type Server } from '#kernel/http/server.ts'
import { challengeDevice, enrolDevice, identityErrors, proveDevice } from '#modules/identity/index.ts'
import type { Pages } from '#web/resident/routes/pages.ts'
import { textsOf } from '#web/resident/routes/views.ts'
import { assets } from '#web/ui/assets.ts'
import { t } from '#web/ui/messages.ts'
import { cookieName, cookieOptions, type Visit } from '#web/visit.ts'
import { enrolPage, offlinePage, outPage } from './device.tsx'
import { DEVICE_S_MAX, type KioskDoor } from './door.ts'
import { kioskPaths } from './paths.ts'

const hidden = { schema: { hide: true } }
const PASS_S = 90

const proofSchema = z.strictObject({ challenge: z.string().max(100), state: z.string().max(500), signature: z.string().max(100) })

/** How a machine joins, proves itself and says that it is there. */
export function addKioskDeviceRoutes(server: Server, pages: Pages, door: KioskDoor): void {
  const { kernel } = pages.options
  const refuse = (visit: Visit, reply: FastifyReply, ctx: Ctx, place: string) => {
    pages.refused({ ...visit, ctx }, identityErrors.device_proof_refused, place)
    return reply.status(identityErrors.device_proof_refused.status).header('cache-control', 'no-store').send({})
  }

  server.get(kioskPaths.ping, { ...hidden, config: { rateLimit: false } }, async (_request, reply) =>
    reply.status(204).header('cache-control', 'no-store').send(),
  )
  server.get(kioskPaths.challenge, hidden, async (request, reply) => {
    const device = await door.findDevice(request)
    void reply.header('cache-control', 'no-store')
    return device ? reply.send({ challenge: challengeDevice(kernel, device) }) : reply.status(403).send({})
  })
  server.post(kioskPaths.beat, { ...hidden, config: { rateLimit: { max: 120, timeWindow: '1 minute' } } }, async (request, reply) => {
    const visit = await pages.visit(request, reply)
    const place = `POST ${kioskPaths.beat}`
    const device = await door.findDevice(request)
    if (!device) return refuse(visit, reply, visit.ctx, place)
    const ctx: Ctx = { ...visit.ctx, actor: { kind: 'device', id: device.id, permissions: new Set() } }
    const given = proofSchema.safeParse(request.body)
    const proved = given.success ? await proveDevice(ctx, device, given.data) : undefined
    if (!proved?.ok) return refuse(visit, reply, ctx, place)
    void reply.setCookie(cookieName(kernel, 'device_pass'), proved.value.pass, cookieOptions(kernel, PASS_S))
    return reply.header('cache-control', 'no-store').send({})
  })
  server.get(kioskPaths.out, hidden, async (request, reply) => pages.html(reply, outPage((await pages.visit(request, reply)).page), 403))
  addEnrolment(server, pages)
  addOffline(server, pages)
}

function addEnrolment(server: Server, pages: Pages): void {
  const { kernel } = pages.options
  server.get(kioskPaths.enrol, hidden, async (request, reply) => pages.html(reply, enrolPage((await pages.visit(request, reply)).page)))
  pages.form(server, kioskPaths.enrol, { per_minute: 10 }, async (request: FastifyRequest, reply: FastifyReply) => {
    const visit = await pages.visit(request, reply)
    const { code = '', key = '', signature = '' } = textsOf(request.body)
    const joined = await enrolDevice(visit.ctx, { code, publicKey: key, signature })
    if (!joined.ok) {
      pages.refused(visit, joined.error, `POST ${kioskPaths.enrol}`)
      const isCode = joined.error.code === identityErrors.device_code_refused.code
      const text = t(visit.ctx.lang)(isCode ? 'kiosk.enrol_refused' : 'kiosk.enrol_no_key')
      return pages.html(reply, enrolPage(visit.page, [{ field: 'code', text }]), joined.error.status === 401 ? 422 : joined.error.status)
    }
    void reply.setCookie(cookieName(kernel, 'device'), joined.value.token, cookieOptions(kernel, DEVICE_S_MAX))
    return reply.redirect(kioskPaths.start, 303)
  })
}

/** What is shown without the network, and the worker that keeps it. */
function addOffline(server: Server, pages: Pages): void {
  const kept = [kioskPaths.offline, ...(['kiosk.css', 'kiosk.js', 'device.js', 'icon.svg'] as const).map(name => assets.href(name))]
  server.get(kioskPaths.offline, hidden, async (request, reply) => pages.html(reply, offlinePage((await pages.visit(request, reply)).page)))
  server.get(kioskPaths.worker, hidden, async (_request, reply) => {
    const script = assets.files.get(assets.href('kiosk-worker.js'))
    if (!script) return reply.status(httpErrors.not_found.status).send()
    return (
      reply
        .type(script.type)
        .header('cache-control', 'no-cache')
        // Its own folder would leave out the first screen.
        .header('service-worker-allowed', kioskPaths.start)
        .send(`self.KEPT=${JSON.stringify(kept)};${script.body}`)
    )
  })
}
