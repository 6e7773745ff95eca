import { createHash } from 'node:crypto'
import type { FastifyReply } from 'fastify'
import { publicUrl } from '#kernel/config.ts'
import { type Ctx, permit } from '#kernel/context.ts'
import type { Server } from '#kernel/http/server.ts'
import { createStreams } from '#kernel/http/streams.ts'
import type { Result } from '#kernel/result.ts'
import {
  addDevice,
  changePaper,
  DEVICE_SILENT_MS,
  type Device,
  type DeviceCode,
  listDevices,
  listStaffNames,
  renewDeviceCode,
  revokeDevice,
  SLIPS_A_ROLL,
} from '#modules/identity/index.ts'
import { endHelp, helpTopic, listHelpCalls, takeHelp, taskErrors } from '#modules/tasks/index.ts'
import { kioskPaths } from '#web/kiosk/paths.ts'
import type { Pages } from '#web/resident/routes/pages.ts'
import { textsOf } from '#web/resident/routes/views.ts'
import { waiting } from '#web/ui/format.ts'
import { hasMessage, t } from '#web/ui/messages.ts'
import { type Desk, isDesk, openDesk } from './desk.ts'
import { DEVICE_NOTICES, type DevicesView, type DeviceView, deviceCodePage, devicesPage, helpCallsPage } from './devices.tsx'
import { staffPaths } from './paths.ts'

const hidden = { schema: { hide: true } } as const

function stateOf(device: Device, now: Date): DeviceView['state'] {
  if (device.revokedAt) return 'revoked'
  if (!device.enrolledAt || !device.seenAt) return 'new'
  return now.getTime() - device.seenAt.getTime() > DEVICE_SILENT_MS ? 'down' : 'up'
}

function viewOf(ctx: Ctx, device: Device): DeviceView {
  const key = `device.page_${device.state?.page ?? ''}`
  return {
    id: device.id,
    title: device.title,
    place: device.place,
    state: stateOf(device, ctx.kernel.clock.now()),
    ...(device.seenAt && { seenAt: device.seenAt }),
    page: hasMessage(key) ? t(ctx.lang)(key) : '',
    slipsLeft: Math.max(0, SLIPS_A_ROLL - device.slips),
    version: device.state?.version ?? '',
  }
}

/** Machines of ours: let one join, see whether it is there, take it out of use. */
export function addDeviceRoutes(server: Server, pages: Pages): void {
  const { enter, deny } = openDesk(pages)
  const { kernel } = pages.options

  async function show(desk: Desk, reply: FastifyReply, more: Pick<DevicesView, 'notice' | 'values' | 'errors'>) {
    const devices = await listDevices(desk.ctx)
    if (!devices.ok) return deny(desk, reply, devices.error, `GET ${staffPaths.devices}`)
    const canManage = permit(desk.ctx, 'identity.device.manage').ok
    const view = { devices: devices.value.map(device => viewOf(desk.ctx, device)), canManage, ...more }
    return pages.html(reply, devicesPage(desk.page, view), more.errors ? 422 : 200)
  }
  const showCode = (desk: Desk, reply: FastifyReply, made: DeviceCode) => {
    const address = `${publicUrl(kernel.config)}${kioskPaths.enrol}`
    return pages.html(reply, deviceCodePage(desk.page, { title: made.title, code: made.code, until: made.expiresAt, address }))
  }

  server.get(staffPaths.devices, hidden, async (request, reply) => {
    const desk = await enter(request, reply)
    if (!isDesk(desk)) return desk
    const notice = DEVICE_NOTICES.find(known => known === textsOf(request.query).notice)
    return show(desk, reply, notice ? { notice } : {})
  })
  pages.form(server, staffPaths.devices, {}, async (request, reply) => {
    const desk = await enter(request, reply)
    if (!isDesk(desk)) return desk
    const values = textsOf(request.body)
    const made = await addDevice(desk.ctx, { title: values.title ?? '', place: values.place ?? '' })
    if (made.ok) return showCode(desk, reply, made.value)
    const { field, params } = made.error
    if (field !== 'title' && field !== 'place') return deny(desk, reply, made.error, `POST ${staffPaths.devices}`)
    return show(desk, reply, { values, errors: [{ field, text: t(desk.ctx.lang)(`device.error_${field}`, { max: Number(params?.max) }) }] })
  })
  pages.form(server, staffPaths.deviceCode, {}, async (request, reply) => {
    const desk = await enter(request, reply)
    if (!isDesk(desk)) return desk
    const made = await renewDeviceCode(desk.ctx, { deviceId: textsOf(request.body).device ?? '' })
    return made.ok ? showCode(desk, reply, made.value) : deny(desk, reply, made.error, `POST ${staffPaths.deviceCode}`)
  })
  const acts: [string, (typeof DEVICE_NOTICES)[number], (ctx: Ctx, input: { deviceId: string }) => Promise<Result<void>>][] = [
    [staffPaths.deviceRevoke, 'revoked', revokeDevice],
    [staffPaths.devicePaper, 'paper', changePaper],
  ]
  for (const [path, notice, act] of acts)
    pages.form(server, path, {}, async (request, reply) => {
      const desk = await enter(request, reply)
      if (!isDesk(desk)) return desk
      const done = await act(desk.ctx, { deviceId: textsOf(request.body).device ?? '' })
      return done.ok ? reply.redirect(`${staffPaths.devices}?notice=${notice}`, 303) : deny(desk, reply, done.error, `POST ${path}`)
    })
  addHelpRoutes(server, pages)
}

/** Calls for help from machines: who waits where, and who goes. */
function addHelpRoutes(server: Server, pages: Pages): void {
  const { enter, deny } = openDesk(pages)
  const { kernel, tenantId } = pages.options
  const streams = createStreams(server, kernel.live)
  const seenOf = async (ctx: Ctx): Promise<string> => {
    const calls = await listHelpCalls(ctx)
    const seen = JSON.stringify(calls.ok ? calls.value.map(call => [call.id, call.assigneeId]) : [])
    return createHash('sha256').update(seen).digest('base64url').slice(0, 12)
  }
  server.get(staffPaths.help, hidden, async (request, reply) => {
    const desk = await enter(request, reply)
    if (!isDesk(desk)) return desk
    const { ctx } = desk
    const calls = await listHelpCalls(ctx)
    if (!calls.ok) return deny(desk, reply, calls.error, `GET ${staffPaths.help}`)
    const names = await listStaffNames(ctx, [...new Set(calls.value.flatMap(call => call.assigneeId ?? []))])
    const now = kernel.clock.now().getTime()
    return pages.html(
      reply,
      helpCallsPage(desk.page, {
        calls: calls.value.map(({ id, title, calledAt, assigneeId }) => ({
          id,
          title,
          at: calledAt,
          wait: waiting(ctx.lang, Math.max(1, Math.round((now - calledAt.getTime()) / 1000))),
          ...(assigneeId && { by: names.get(assigneeId) ?? t(ctx.lang)('staff.colleague') }),
        })),
        liveHref: `${staffPaths.helpLive}?seen=${await seenOf(ctx)}`,
        ...(textsOf(request.query).notice === 'taken_before' && { notice: 'taken_before' as const }),
      }),
    )
  })
  server.get(staffPaths.helpLive, hidden, async (request, reply) => {
    const desk = await enter(request, reply)
    if (!isDesk(desk)) return desk
    const may = permit(desk.ctx, 'tasks.task.work')
    if (!may.ok) return deny(desk, reply, may.error, `GET ${staffPaths.helpLive}`)
    const { seen } = textsOf(request.query)
    return streams.serve(reply, [helpTopic(tenantId)], async () =>
      (await seenOf(desk.ctx)) === seen ? undefined : { data: { href: staffPaths.help }, done: true },
    )
  })
  pages.form(server, staffPaths.help, {}, async (request, reply) => {
    const desk = await enter(request, reply)
    if (!isDesk(desk)) return desk
    const { call: taskId = '', act } = textsOf(request.body)
    const done = await (act === 'end' ? endHelp : takeHelp)(desk.ctx, { taskId })
    if (done.ok) return reply.redirect(staffPaths.help, 303)
    pages.refused({ ...desk.visit, ctx: desk.ctx }, done.error, `POST ${staffPaths.help}`)
    // Somebody else was faster: the list says who.
    const isFaster = [taskErrors.task_taken.code, taskErrors.task_finished.code].some(code => code === done.error.code)
    return isFaster
      ? reply.redirect(`${staffPaths.help}?notice=taken_before`, 303)
      : deny(desk, reply, done.error, `POST ${staffPaths.help}`)
  })
}
