import { dateTime, time } from '#web/ui/format.ts'
import { ErrorSummary, Field, type FieldError, Hidden, PostForm } from '#web/ui/forms.tsx'
import { t } from '#web/ui/messages.ts'
import { usePage } from '#web/ui/page.tsx'
import { Banner, Button, Empty, LinkButton, Tag } from '#web/ui/parts.tsx'
import { staffPaths } from './paths.ts'
import { Pane, renderStaffPage, StaffLayout, type StaffPageContext, WideTable } from './shell.tsx'

export interface DeviceView {
  id: string
  title: string
  place: string
  state: 'new' | 'up' | 'down' | 'revoked'
  seenAt?: Date
  /** The screen it showed last, in words. */
  page: string
  slipsLeft: number
  version: string
}

export const DEVICE_NOTICES = ['revoked', 'paper'] as const

export interface DevicesView {
  devices: readonly DeviceView[]
  canManage: boolean
  notice?: (typeof DEVICE_NOTICES)[number]
  values?: Record<string, string>
  errors?: readonly FieldError[]
}

const TONES = { new: 'now', up: 'ok', down: 'bad', revoked: undefined } as const
/** A roll this near its end is told before the last slip. */
const SLIPS_LOW = 25

function Acts({ device }: { device: DeviceView }) {
  const { t } = usePage()
  if (device.state === 'revoked') return null
  const act = (path: string, text: string, kind: 'secondary' | 'quiet') => (
    <PostForm action={path}>
      <Hidden name="device" value={device.id} />
      <Button kind={kind}>
        {text}
        <span class="unseen"> {device.title}</span>
      </Button>
    </PostForm>
  )
  return (
    <div class="btns">
      {device.state !== 'new' && act(staffPaths.devicePaper, t('device.paper'), 'secondary')}
      {act(staffPaths.deviceCode, t('device.code_again'), 'secondary')}
      {act(staffPaths.deviceRevoke, t('device.revoke'), 'quiet')}
    </div>
  )
}

function DeviceTable({ view }: { view: DevicesView }) {
  const { ctx, t } = usePage()
  return (
    <WideTable
      columns={[
        {
          title: t('device.title'),
          cell: (d: DeviceView) => (
            <>
              <b>{d.title}</b> <span class="t-3">{d.place}</span>
            </>
          ),
        },
        { title: t('staff.col_state'), cell: d => <Tag tone={TONES[d.state]}>{t(`device.state_${d.state}`)}</Tag> },
        { title: t('device.seen'), cell: d => (d.seenAt ? dateTime(ctx.lang, d.seenAt) : '') },
        { title: t('device.page'), cell: d => d.page },
        {
          title: t('device.slips'),
          cell: d =>
            d.state === 'new' ? (
              ''
            ) : d.slipsLeft <= SLIPS_LOW ? (
              <Tag tone="warn">{t('device.slips_low', { n: d.slipsLeft })}</Tag>
            ) : (
              d.slipsLeft
            ),
          numeric: true,
        },
        { title: t('device.version'), cell: d => <span class="t-3">{d.version}</span> },
        ...(view.canManage ? [{ title: t('device.do'), cell: (d: DeviceView) => <Acts device={d} /> }] : []),
      ]}
      rows={view.devices}
    />
  )
}

/** Every machine: whether it is there, what it shows, and how to take it in or out. */
export function DevicesPage({ view }: { view: DevicesView }) {
  const { t } = usePage()
  const { errors, values = {} } = view
  return (
    <StaffLayout>
      <ErrorSummary errors={errors} />
      <h1>{t('device.devices')}</h1>
      {view.notice && <Banner tone="ok" title={t(`device.notice_${view.notice}`)} live />}
      {view.devices.length === 0 ? (
        <Empty title={t('device.none')}>
          <p>{t('device.none_text')}</p>
        </Empty>
      ) : (
        <Pane title={t('device.kiosks')} note={t('device.kiosks_note')}>
          <DeviceTable view={view} />
        </Pane>
      )}
      {view.canManage && (
        <Pane title={t('device.add')} note={t('device.add_note')}>
          <PostForm action={staffPaths.devices} class="stack">
            <Field
              name="title"
              label={t('device.title')}
              hint={t('device.title_hint')}
              value={values.title}
              errors={errors}
              maxLength={40}
            />
            <Field name="place" label={t('device.place')} optional value={values.place} errors={errors} maxLength={60} />
            <Button>{t('device.add_do')}</Button>
          </PostForm>
        </Pane>
      )}
    </StaffLayout>
  )
}

export const devicesPage = (ctx: StaffPageContext, view: DevicesView): string =>
  renderStaffPage(ctx, <DevicesPage view={view} />, { title: t(ctx.lang)('device.devices'), hasError: !!view.errors })

export interface DeviceCodeView {
  title: string
  code: string
  until: Date
  /** What to open at the machine. */
  address: string
}

/** The code, shown once. */
export function DeviceCodePage({ view }: { view: DeviceCodeView }) {
  const { t } = usePage()
  return (
    <StaffLayout>
      <h1>{t('device.code_title', { title: view.title })}</h1>
      <Pane title={t('device.code')} note={t('device.code_note', { at: time(view.until) })}>
        <p class="code">{view.code.replace(/(\d{3})(\d{3})(\d{4})/, '$1 $2 $3')}</p>
        <p>{t('device.code_how', { address: view.address })}</p>
        <div class="btns">
          <LinkButton href={staffPaths.devices} kind="secondary">
            {t('device.code_done')}
          </LinkButton>
        </div>
      </Pane>
    </StaffLayout>
  )
}

export const deviceCodePage = (ctx: StaffPageContext, view: DeviceCodeView): string =>
  renderStaffPage(ctx, <DeviceCodePage view={view} />, { title: t(ctx.lang)('device.code') })

export interface HelpView {
  calls: readonly { id: string; title: string; at: Date; wait: string; by?: string }[]
  notice?: 'taken_before'
  /** Tells of a change as a stream of events. */
  liveHref: string
}

/** Who waits at a machine, the longest first. */
export function HelpPage({ view }: { view: HelpView }) {
  const { t } = usePage()
  return (
    <StaffLayout>
      <h1 data-poll="" data-live={view.liveHref}>
        {t('help_call.title')}
      </h1>
      {view.notice && <Banner tone="warn" title={t('help_call.taken_before')} live />}
      {view.calls.length === 0 ? (
        <Empty title={t('help_call.none')}>
          <p>{t('help_call.none_text')}</p>
        </Empty>
      ) : (
        <Pane title={t('help_call.waiting')} note={t('help_call.note')}>
          <WideTable
            columns={[
              { title: t('help_call.where'), cell: (c: HelpView['calls'][number]) => <b>{c.title}</b> },
              { title: t('help_call.since'), cell: c => `${time(c.at)} · ${c.wait}` },
              { title: t('help_call.who'), cell: c => c.by ?? <Tag tone="warn">{t('help_call.nobody')}</Tag> },
              {
                title: t('device.do'),
                cell: c => (
                  <div class="btns">
                    {(['take', 'end'] as const)
                      .filter(act => (act === 'take' ? !c.by : true))
                      .map(act => (
                        <PostForm action={staffPaths.help} key={act}>
                          <Hidden name="call" value={c.id} />
                          <Button kind={act === 'take' ? undefined : 'secondary'} name="act" value={act}>
                            {t(`help_call.${act}`)}
                            <span class="unseen"> {c.title}</span>
                          </Button>
                        </PostForm>
                      ))}
                  </div>
                ),
              },
            ]}
            rows={view.calls}
          />
        </Pane>
      )}
    </StaffLayout>
  )
}

export const helpCallsPage = (ctx: StaffPageContext, view: HelpView): string =>
  renderStaffPage(ctx, <HelpPage view={view} />, { title: t(ctx.lang)('help_call.title'), scripts: ['poll.js'] })
