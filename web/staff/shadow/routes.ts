import type { FastifyReply, FastifyRequest } from 'fastify'
import { permit } from '#kernel/context.ts'
import type { Server } from '#kernel/http/server.ts'
import type { AppError } from '#kernel/result.ts'
import { addDays, dayOf } from '#kernel/time.ts'
import {
  billingErrors,
  DIFFERENCES,
  explainFault,
  listBillers,
  readBill,
  SHADOW_DAYS,
  type ShadowDay,
  type ShadowReport,
  shadowDay,
  viewShadow,
  viewShadowDay,
} from '#modules/billing/index.ts'
import type { Pages } from '#web/resident/routes/pages.ts'
import { pageNumber, pagerOf, readPast } from '#web/resident/routes/past.ts'
import { billerName, maskedAccount, textsOf } from '#web/resident/routes/views.ts'
import type { FieldError } from '#web/ui/forms.tsx'
import { t } from '#web/ui/messages.ts'
import type { Upload } from '#web/upload.ts'
import { type Desk, isDesk, openDesk } from '../desk.ts'
import { staffPaths } from '../paths.ts'
import { addDeskUpload } from '../upload.ts'
import { deskPastPage, SHADOW_NOTICES, type ShadowDayRow, type ShadowPageView, shadowDayPage, shadowPage } from './pages.tsx'

const FILE_BYTES_MAX = 64 * 2 ** 20
const FAULTS_SHOWN = 20
const hidden = { schema: { hide: true } } as const

const hrefOf = (billerId: string, day: string): string => `${staffPaths.shadow}/${billerId}/${day}`
const rowOf = (billerId: string, d: ShadowDay): ShadowDayRow => ({
  href: hrefOf(billerId, d.day),
  ...{ day: d.day, thereRows: d.thereRows, thereFen: d.thereFen, hereRows: d.hereRows, hereFen: d.hereFen, differences: d.differences },
})

interface Again {
  readonly values?: { biller?: string; day?: string }
  readonly errors?: FieldError[]
  readonly refused?: ShadowReport
}

/** The days of the system before beside ours; and what it took for an account, at the desk. */
export function addShadowRoutes(server: Server, pages: Pages): void {
  const { enter, deny, refuse } = openDesk(pages)
  const { kernel } = pages.options
  const namesOf = async (desk: Desk) => {
    const names = new Map((await listBillers(desk.ctx)).map(b => [b.id, billerName(desk.ctx.lang, b)]))
    return (id: string) => names.get(id) ?? id
  }

  const faultsOf = (desk: Desk, { errors, errorCount }: ShadowReport) => {
    const say = t(desk.ctx.lang)
    const rows = errors.slice(0, FAULTS_SHOWN).map(e => ({
      place: e.line === 0 ? say('shadow.error_whole') : say('shadow.error_line', { line: e.line }),
      text: [e.title, e.found, explainFault(e.code, desk.ctx.lang), e.expected].filter(Boolean).join(' · '),
    }))
    return { rows, more: errorCount - rows.length }
  }

  async function show(desk: Desk, reply: FastifyReply, notice: string | undefined, again: Again = {}): Promise<FastifyReply> {
    const { ctx } = desk
    const seen = await viewShadow(ctx)
    if (!seen.ok) return deny(desk, reply, seen.error, `GET ${staffPaths.shadow}`)
    const called = await namesOf(desk)
    const billers = seen.value.billers.map((b): ShadowPageView['billers'][number] => ({
      id: b.billerId,
      name: called(b.billerId),
      days: b.days.map(d => rowOf(b.billerId, d)),
      missing: b.missing,
      streak: {
        ...{ days: b.streak.days, last: b.streak.last!, isWhole: b.streak.days === SHADOW_DAYS },
        ...(b.streak.since && { since: b.streak.since }),
      },
    }))
    const told = SHADOW_NOTICES.find(known => known === notice)
    const upload = permit(ctx, 'billing.shadow.take').ok && {
      upload: {
        billers: seen.value.declared.map(value => ({ value, label: called(value) })),
        yesterday: addDays(dayOf(kernel.clock.now()), -1),
        ...(again.values && { values: again.values }),
        ...(again.errors && { errors: again.errors }),
        ...(again.refused && { faults: faultsOf(desk, again.refused) }),
      },
    }
    return pages.html(reply, shadowPage(desk.page, { billers, ...(told && { notice: told }), ...upload }), again.errors ? 422 : 200)
  }

  server.get(staffPaths.shadow, hidden, async (request, reply) => {
    const desk = await enter(request, reply)
    return isDesk(desk) ? show(desk, reply, textsOf(request.query).notice) : desk
  })

  const whyNot = (desk: Desk, error: AppError): FieldError => {
    const say = t(desk.ctx.lang)
    if (error.code === billingErrors.shadow_day.code)
      return { field: 'day', text: say('shadow.error_day', { day: addDays(dayOf(kernel.clock.now()), -1) }) }
    if (error.code === billingErrors.mapping_malformed.code)
      return { field: 'biller', text: say('shadow.error_mapping', { why: String(error.params?.why ?? '') }) }
    return { field: 'biller', text: say('rules.error_biller') }
  }

  async function bring(request: FastifyRequest, reply: FastifyReply, { texts, file }: Upload): Promise<FastifyReply> {
    const desk = await enter(request, reply)
    if (!isDesk(desk)) return desk
    const place = `POST ${staffPaths.shadowFiles}`
    const say = t(desk.ctx.lang)
    const may = permit(desk.ctx, 'billing.shadow.take')
    if (!may.ok) return deny(desk, reply, may.error, place)
    const values = { ...(texts.biller && { biller: texts.biller }), ...(texts.day && { day: texts.day }) }
    const again = (errors: FieldError[], refused?: ShadowReport) =>
      show(desk, reply, undefined, { values, errors, ...(refused && { refused }) })
    if (!texts.biller) return again([{ field: 'biller', text: say('rules.error_biller') }])
    if (!file?.name) return again([{ field: 'file', text: say('staff.error_file') }])
    const day = (texts.day ?? '').normalize('NFKC').trim()
    const done = await shadowDay(desk.ctx, { billerId: texts.biller, day, bytes: file.bytes, fileName: file.name })
    if (!done.ok) {
      pages.refused({ ...desk.visit, ctx: desk.ctx }, done.error, place)
      return again([whyNot(desk, done.error)])
    }
    const { outcome, errorCount } = done.value
    if (outcome !== 'refused') return reply.redirect(`${hrefOf(texts.biller, day)}?notice=${outcome}`, 303)
    pages.refused({ ...desk.visit, ctx: desk.ctx }, { ...billingErrors.file_refused }, place)
    return again([{ field: 'file', text: say('shadow.error_refused', { n: errorCount }) }], done.value)
  }
  addDeskUpload(server, pages, {
    path: staffPaths.shadowFiles,
    bytesMax: FILE_BYTES_MAX,
    perMinute: 20,
    refused: billingErrors.file_refused,
    answer: bring,
    again: (desk, reply, errors) => show(desk, reply, undefined, { errors }),
  })

  server.get(`${staffPaths.shadow}/:biller/:day`, hidden, async (request, reply) => {
    const desk = await enter(request, reply)
    if (!isDesk(desk)) return desk
    const { biller, day } = request.params as { biller: string; day: string }
    const page = pageNumber(request.query)
    const seen = await viewShadowDay(desk.ctx, biller, day, page)
    if (!seen.ok)
      return seen.error.status === 404 ? refuse(desk, reply, 404) : deny(desk, reply, seen.error, `GET ${staffPaths.shadow}/:biller/:day`)
    const say = t(desk.ctx.lang)
    const mayRead = permit(desk.ctx, 'billing.bill.read').ok
    const notice = SHADOW_NOTICES.find(known => known === textsOf(request.query).notice)
    const view = {
      biller: (await namesOf(desk))(biller),
      day: rowOf(biller, seen.value.day),
      rows: seen.value.differences.map(d => ({
        what: say(`shadow.class_${d.class}`),
        todo: say(`shadow.class_${d.class}_text`),
        isDifference: DIFFERENCES.some(known => known === d.class),
        billNo: d.billNo,
        ...(d.billId && mayRead && { billHref: `/staff/bills/${d.billId}` }),
        accountMasked: d.accountNo ? maskedAccount(d.accountNo) : '',
        ...{ thereFen: d.thereFen, hereFen: d.hereFen },
      })),
      ...(notice && { notice }),
      pager: pagerOf(hrefOf(biller, day), page, seen.value.pages),
    }
    return pages.html(reply, shadowDayPage(desk.page, view))
  })

  server.get('/staff/bills/:id/past', hidden, async (request, reply) => {
    const desk = await enter(request, reply)
    if (!isDesk(desk)) return desk
    const { id } = request.params as { id: string }
    const read = await readBill(desk.ctx, id)
    if (!read.ok) return read.error.status === 404 ? refuse(desk, reply, 404) : deny(desk, reply, read.error, 'GET /staff/bills/:id/past')
    const { bill } = read.value.state
    const { rows, pager } = await readPast(desk.ctx, bill.accountId, `/staff/bills/${id}/past`, pageNumber(request.query))
    const view = { account: maskedAccount(bill.accountNo), rows, pager, backHref: `/staff/bills/${id}` }
    return pages.html(reply, deskPastPage(desk.page, view))
  })
}
