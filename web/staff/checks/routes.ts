import type { FastifyReply, FastifyRequest } from 'fastify'
import { type Lang, permit } from '#kernel/context.ts'
import type { Server } from '#kernel/http/server.ts'
import { isUuid } from '#kernel/id.ts'
import { addDays, dayOf } from '#kernel/time.ts'
import {
  billingErrors,
  bringCheckFile,
  CHECK_REASONS,
  type CheckBreak,
  type ChecksView,
  decideCheckBreak,
  findCheckBreak,
  listBillers,
  readCheckFileBytes,
  viewChecks,
} from '#modules/billing/index.ts'
import { listStaffNames } from '#modules/identity/index.ts'
import type { Pages } from '#web/resident/routes/pages.ts'
import { billerName, textsOf } from '#web/resident/routes/views.ts'
import type { FieldError } from '#web/ui/forms.tsx'
import { hasMessage, t } from '#web/ui/messages.ts'
import { addUploadCorner, type Upload } from '#web/upload.ts'
import { type Desk, isDesk, openDesk } from '../desk.ts'
import { staffPaths } from '../paths.ts'
import { CHECK_NOTICES, type CheckDayView, type CheckNotice, checkBreakPage, checksPage } from './pages.tsx'

/** Days shown. */
const DAYS = 31
const FILE_BYTES_MAX = 64 * 2 ** 20
const TAIL = 6
const hidden = { schema: { hide: true } } as const

const hrefOf = (id: string): string => `${staffPaths.checks}/${id}`
const severityOf = (lang: Lang, severity: number) => ({
  text: t(lang)(severity === 1 ? 'staff.break_severity_1' : 'staff.break_severity_2'),
  tone: severity === 1 ? ('bad' as const) : ('warn' as const),
})

function daysOf(lang: Lang, view: ChecksView, called: (id: string) => string): CheckDayView[] {
  const say = t(lang)
  const compared = view.files.map((f): CheckDayView => {
    const open = view.counts.find(c => c.billerId === f.billerId && c.day === f.day)?.open ?? 0
    const state = open > 0 ? { text: say('staff.recon_open', { n: open }), tone: 'warn' as const } : undefined
    return {
      ...{ day: f.day, rows: f.rows, totalFen: f.totalFen, biller: called(f.billerId), fileHref: `${staffPaths.checkFiles}/${f.id}` },
      state: state ?? { text: say('staff.recon_equal'), tone: 'ok' },
    }
  })
  const waiting = view.waits.map((w): CheckDayView => {
    const key = `check.refused_${w.why.split(' ')[0]}`
    const why = say(hasMessage(key) ? key : 'check.refused_away', { line: w.why.split(' ')[1] ?? '' })
    return {
      ...{ day: w.day, rows: 0, totalFen: 0, biller: called(w.billerId), why },
      state: { text: say('staff.recon_waiting'), tone: 'warn' },
    }
  })
  return [...waiting, ...compared].sort((a, b) => (a.day < b.day ? 1 : -1))
}

/** Check files of billers: how days agree, what differs, and the decisions about it. Staff of a biller see its own. */
export function addCheckRoutes(server: Server, pages: Pages): void {
  const { enter, deny, refuse } = openDesk(pages)
  const { kernel } = pages.options

  const namesOf = async (desk: Desk) => {
    const billers = new Map((await listBillers(desk.ctx)).map(b => [b.id, billerName(desk.ctx.lang, b)]))
    return { billers, called: (id: string) => billers.get(id) ?? id }
  }

  async function show(
    desk: Desk,
    reply: FastifyReply,
    extra: { notice?: string | undefined; chosen?: string | undefined; errors?: FieldError[] } = {},
  ): Promise<FastifyReply> {
    const { ctx } = desk
    const to = dayOf(kernel.clock.now())
    const seen = await viewChecks(ctx, addDays(to, -DAYS), to)
    if (!seen.ok) return deny(desk, reply, seen.error, `GET ${staffPaths.checks}`)
    const { billers, called } = await namesOf(desk)
    const notice = CHECK_NOTICES.find(known => known === extra.notice)
    const say = t(ctx.lang)
    return pages.html(
      reply,
      checksPage(desk.page, {
        days: daysOf(ctx.lang, seen.value, called),
        open: seen.value.open.map(b => ({
          href: hrefOf(b.id),
          what: say('staff.break_tail', { what: say(`check.class_${b.class}`), tail: b.postingNo.slice(-TAIL) }),
          severity: severityOf(ctx.lang, b.severity),
          biller: called(b.billerId),
          ...{ day: b.day, toldFen: b.toldFen, statedFen: b.statedFen, isProposed: b.proposedBy !== null },
        })),
        ...(notice && { notice }),
        ...(permit(ctx, 'billing.check.decide').ok && {
          upload: {
            billers: [...billers].map(([value, label]) => ({ value, label })),
            ...(extra.chosen && { chosen: extra.chosen }),
            ...(extra.errors && { errors: extra.errors }),
          },
        }),
      }),
      extra.errors ? 422 : 200,
    )
  }

  server.get(staffPaths.checks, hidden, async (request, reply) => {
    const desk = await enter(request, reply)
    return isDesk(desk) ? show(desk, reply, { notice: textsOf(request.query).notice }) : desk
  })

  server.get(`${staffPaths.checkFiles}/:id`, hidden, async (request, reply) => {
    const desk = await enter(request, reply)
    if (!isDesk(desk)) return desk
    const found = await readCheckFileBytes(desk.ctx, (request.params as { id: string }).id)
    if (!found.ok)
      return found.error.status === 404 ? refuse(desk, reply, 404) : deny(desk, reply, found.error, `GET ${staffPaths.checkFiles}/:id`)
    void reply.type('text/plain; charset=utf-8').header('content-disposition', `attachment; filename="${found.value.name}"`)
    return reply.header('cache-control', 'no-store').send(found.value.bytes)
  })

  async function bring(request: FastifyRequest, reply: FastifyReply, { texts, file }: Upload): Promise<FastifyReply> {
    const desk = await enter(request, reply)
    if (!isDesk(desk)) return desk
    const { ctx } = desk
    const place = `POST ${staffPaths.checkFiles}`
    const say = t(ctx.lang)
    const may = permit(ctx, 'billing.check.decide')
    if (!may.ok) return deny(desk, reply, may.error, place)
    const again = (errors: FieldError[]) => show(desk, reply, { chosen: texts.biller, errors })
    if (!texts.biller) return again([{ field: 'biller', text: say('rules.error_biller') }])
    if (!file?.bytes.length) return again([{ field: 'file', text: say('staff.error_file') }])
    const brought = await bringCheckFile(ctx, { billerId: texts.biller, name: file.name, bytes: file.bytes })
    if (brought.ok) return reply.redirect(`${staffPaths.checks}?notice=${brought.value.kind}`, 303)
    pages.refused({ ...desk.visit, ctx }, brought.error, place)
    if (brought.error.code === billingErrors.biller_not_found.code) return again([{ field: 'biller', text: say('rules.error_biller') }])
    const key = `check.refused_${brought.error.params?.why}`
    return again([{ field: 'file', text: say(hasMessage(key) ? key : 'staff.error_file', { line: brought.error.params?.line ?? 0 }) }])
  }
  addUploadCorner(server, {
    path: staffPaths.checkFiles,
    bytesMax: FILE_BYTES_MAX,
    perMinute: 10,
    guarded: pages.guarded,
    answer: bring,
    async refuse(request, reply, status) {
      const desk = await enter(request, reply)
      if (!isDesk(desk)) return desk
      pages.refused({ ...desk.visit, ctx: desk.ctx }, { ...billingErrors.check_refused }, `POST ${staffPaths.checkFiles}`)
      return show(desk, reply, {
        errors: [{ field: 'file', text: t(desk.ctx.lang)(status === 413 ? 'staff.error_file_large' : 'staff.error_file') }],
      })
    },
  })

  async function showBreak(
    desk: Desk,
    reply: FastifyReply,
    b: CheckBreak,
    extra: { notice?: string | undefined; values?: Record<string, string>; errors?: FieldError[] },
  ): Promise<FastifyReply> {
    const { ctx } = desk
    const say = t(ctx.lang)
    const { called } = await namesOf(desk)
    const names = await listStaffNames(ctx, b.proposedBy && isUuid(b.proposedBy) ? [b.proposedBy] : [])
    const mayDecide = !b.resolvedAt && permit(ctx, 'billing.check.decide').ok && b.proposedBy !== ctx.actor.id
    const notice = CHECK_NOTICES.find(known => known === extra.notice)
    const { values, errors } = extra
    return pages.html(
      reply,
      checkBreakPage(desk.page, {
        what: say(`check.class_${b.class}`),
        advice: say(`check.class_${b.class}_text`),
        severity: severityOf(ctx.lang, b.severity),
        state: say(b.resolution ? `check.resolution_${b.resolution}` : b.proposedBy ? 'staff.break_proposed' : 'staff.break_open'),
        biller: called(b.billerId),
        ...{ day: b.day, postingNo: b.postingNo, toldFen: b.toldFen, statedFen: b.statedFen, openedAt: b.openedAt },
        ...(b.orderId && permit(ctx, 'payments.order.read').ok && { orderHref: `/staff/orders/${b.orderId}` }),
        ...(notice && { notice }),
        ...(b.reason && {
          decision: {
            reason: say(`check.reason_${b.reason}`),
            ...(b.note && { note: b.note }),
            by: (b.proposedBy && names.get(b.proposedBy)) || say('staff.colleague'),
            isFinal: b.resolvedAt !== null,
          },
        }),
        ...(mayDecide && {
          form: {
            action: hrefOf(b.id),
            reasons: CHECK_REASONS.map(value => ({ value, label: say(`check.reason_${value}`) })),
            isGrave: b.severity === 1,
            ...(b.proposedBy && b.reason && { values: { reason: b.reason, note: b.note ?? '' } }),
            ...(values && { values }),
            ...(errors && { errors }),
          },
        }),
      }),
      errors ? 422 : 200,
    )
  }

  server.get(`${staffPaths.checks}/:id`, hidden, async (request, reply) => {
    const desk = await enter(request, reply)
    if (!isDesk(desk)) return desk
    const found = await findCheckBreak(desk.ctx, (request.params as { id: string }).id)
    if (found.ok) return showBreak(desk, reply, found.value, { notice: textsOf(request.query).notice })
    return found.error.status === 404 ? refuse(desk, reply, 404) : deny(desk, reply, found.error, `GET ${staffPaths.checks}/:id`)
  })
  pages.form(server, `${staffPaths.checks}/:id`, {}, async (request, reply) => {
    const desk = await enter(request, reply)
    if (!isDesk(desk)) return desk
    const { ctx } = desk
    const place = `POST ${staffPaths.checks}/:id`
    const { id } = request.params as { id: string }
    const values = textsOf(request.body)
    const decided = await decideCheckBreak(ctx, { id, reason: values.reason ?? '', note: values.note ?? '' })
    if (decided.ok) return goOn(desk, reply, id, decided.value)
    const { field, code } = decided.error
    const found = await findCheckBreak(ctx, id)
    if (found.ok && (field === 'reason' || field === 'note'))
      return showBreak(desk, reply, found.value, { values, errors: [{ field, text: t(ctx.lang)(`staff.error_break_${field}`) }] })
    if (code === billingErrors.check_break_over.code) return goOn(desk, reply, id, 'resolved_before')
    return deny(desk, reply, decided.error, place)
  })

  /** The next difference this person may decide about, so that a list is worked off without going back; else the list. */
  async function goOn(desk: Desk, reply: FastifyReply, id: string, notice: CheckNotice): Promise<FastifyReply> {
    const to = dayOf(kernel.clock.now())
    const seen = await viewChecks(desk.ctx, to, to)
    const next = seen.ok ? seen.value.open.find(b => b.id !== id && b.proposedBy !== desk.ctx.actor.id) : undefined
    return reply.redirect(`${next ? hrefOf(next.id) : staffPaths.checks}?notice=${notice}`, 303)
  }
}
