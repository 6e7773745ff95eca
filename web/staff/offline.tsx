import { dateTime, yuan } from '#web/ui/format.ts'
import { t } from '#web/ui/messages.ts'
import { usePage } from '#web/ui/page.tsx'
import { Banner, Button, LinkButton, Tag } from '#web/ui/parts.tsx'
import { staffPaths } from './paths.ts'
import { Pane, renderStaffPage, StaffLayout, type StaffPageContext, WideTable } from './shell.tsx'

export interface OfflineView {
  session: string
  drawer: string
  /** What this turn took without network and has handed over. */
  acts: readonly { subject: string; at: Date; amountFen: number; state: { text: string; tone: 'ok' | 'warn' | 'now' }; href?: string }[]
}

function Input({ name, label, wrong, decimal }: { name: string; label: string; wrong: string; decimal?: boolean }) {
  return (
    <div class="field">
      <label class="legend" for={name}>
        {label}
      </label>
      <p class="err" id={`${name}-wrong`} role="alert" {...{ [`data-wrong-${name}`]: '' }} hidden>
        {wrong}
      </p>
      <input
        class="input"
        id={name}
        name={name}
        inputMode={decimal ? 'decimal' : undefined}
        maxLength={decimal ? 9 : 200}
        autoComplete="off"
        aria-describedby={`${name}-wrong`}
        autofocus={name === 'subject'}
      />
    </div>
  )
}

/** What the payer takes along until the receipt is there. */
function Slip({ drawer }: { drawer: string }) {
  const { ctx, t } = usePage()
  return (
    <section class="card pane slip" data-slip hidden aria-live="polite">
      <h2>{t('cash.change')}</h2>
      <p class="money money--xl">
        ¥<span data-change />
      </p>
      <dl class="summary">
        {(['no', 'subject', 'amount', 'at'] as const).map(name => (
          <div key={name}>
            <dt>{t(`cash.slip_${name}`)}</dt>
            <dd {...{ [`data-slip-${name}`]: '' }} />
          </div>
        ))}
      </dl>
      <p class="t-2">{t('cash.slip_note', { hall: ctx.tenantName, drawer })}</p>
      <div class="btns no-print">
        <button type="button" class="btn" data-print>
          {t('cash.print')}
        </button>
      </div>
    </section>
  )
}

/** Taking cash while there is no network. Needs script: what it takes is kept on this device until it can be handed over. */
export function OfflinePage({ view }: { view: OfflineView }) {
  const { ctx, t } = usePage()
  return (
    <StaffLayout>
      <div class="stack" data-offline="take" data-session={view.session} data-drawer={view.drawer}>
        <div class="spread row--wrap no-print">
          <h1>{t('cash.off_title', { drawer: view.drawer })}</h1>
          <span data-waits hidden>
            <Tag tone="warn">
              {t('cash.off_pending')} <b data-pending>0</b>
            </Tag>
          </span>
          <span class="push" data-back hidden>
            <LinkButton href={staffPaths.cash}>{t('cash.off_back')}</LinkButton>
          </span>
        </div>
        <div class="no-print" data-away hidden>
          <Banner tone="warn" title={t('cash.off_away')} live>
            <p>{t('cash.off_away_text')}</p>
          </Banner>
        </div>
        <div class="no-print" data-signin hidden>
          <Banner tone="bad" title={t('cash.off_signin')} live>
            <p>
              <a href={`${staffPaths.signIn}?next=${encodeURIComponent(staffPaths.cashOffline)}`}>{t('staff.sign_in')}</a>
            </p>
          </Banner>
        </div>
        <div class="no-print">
          <Pane title={t('cash.off_take')} note={t('cash.off_note')}>
            <form class="stack" novalidate>
              <Input name="subject" label={t('cash.off_subject')} wrong={t('cash.off_wrong_subject')} />
              <Input name="amount" label={t('cash.off_amount')} wrong={t('cash.off_wrong_amount')} decimal />
              <Input name="tendered" label={t('cash.tendered')} wrong={t('cash.off_wrong_tendered')} decimal />
              <div class="btns">
                <Button>{t('cash.take_do')}</Button>
              </div>
            </form>
          </Pane>
        </div>
        <Slip drawer={view.drawer} />
        {view.acts.length > 0 && (
          <div class="no-print">
            <Pane title={t('cash.off_done')} note={t('cash.off_done_note')}>
              <WideTable
                columns={[
                  {
                    title: t('cash.off_subject'),
                    cell: (r: OfflineView['acts'][number]) => (r.href ? <a href={r.href}>{r.subject}</a> : r.subject),
                  },
                  { title: t('staff.col_at'), cell: r => dateTime(ctx.lang, r.at) },
                  { title: t('staff.col_state'), cell: r => <Tag tone={r.state.tone}>{r.state.text}</Tag> },
                  { title: t('staff.col_amount'), cell: r => yuan(r.amountFen), numeric: true },
                ]}
                rows={view.acts}
              />
            </Pane>
          </div>
        )}
      </div>
    </StaffLayout>
  )
}

export const offlinePage = (ctx: StaffPageContext, view: OfflineView): string =>
  renderStaffPage(ctx, <OfflinePage view={view} />, {
    title: t(ctx.lang)('cash.off_title', { drawer: view.drawer }),
    scripts: ['offline.js'],
  })
