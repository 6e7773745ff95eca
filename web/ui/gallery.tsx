import type { ComponentChildren } from 'preact'
import { Undo } from '#web/resident/done.tsx'
import { Columns, TierBar } from './charts.tsx'
import { Choices, ErrorSummary, Field, PostForm } from './forms.tsx'
import { Layout } from './layout.tsx'
import { t } from './messages.ts'
import { type ElderSize, type PageContext, renderPage, usePage } from './page.tsx'
import { Banner, Button, Card, Empty, LinkButton, LinkList, Money, Pager, PhoneButton, Steps, SummaryList, Table, Tag } from './parts.tsx'
import { Receipt } from './receipt.tsx'
import { Timeline } from './timeline.tsx'

const at = new Date('2026-11-19T02:24:36Z')
const undo = { until: new Date('2026-11-19T02:34:36Z'), secondsLeft: 582, secondsTotal: 600, action: '/ui', idempotencyKey: 'sample' }

function Part({ name, children }: { name: string; children: ComponentChildren }) {
  return (
    <section class="gallery__part stack">
      <h3 class="t-sm t-3">{name}</h3>
      {children}
    </section>
  )
}

function Controls({ size }: { size: string }) {
  const { t } = usePage()
  const errors = [{ field: `account-${size}`, text: t('account.error_format', { digits: 10 }) }]
  return (
    <>
      <Part name="Button">
        <PostForm action="/ui" class="btns">
          <Button>{t('bill.pay')}</Button>
          <Button kind="secondary" icon="print">
            {t('done.print80')}
          </Button>
          <Button kind="danger">{t('households.unbind')}</Button>
          <Button kind="quiet">{t('layout.elder')}</Button>
          <LinkButton href="/ui" kind="link">
            {t('bills.back')}
          </LinkButton>
        </PostForm>
        <PhoneButton />
      </Part>
      <Part name="ErrorSummary, Field">
        <ErrorSummary errors={errors} />
        <Field
          name={`account-${size}`}
          label={t('account.label')}
          hint={t('account.example', { example: '3306 000 281' })}
          value="3306 281"
          errors={errors}
        />
        <Field name={`note-${size}`} label={t('wrong.note')} optional rows={2} />
      </Part>
      <Part name="Choices">
        <Choices
          name={`way-${size}`}
          legend={t('bill.way')}
          chosen="wechat"
          choices={[
            { value: 'wechat', label: t('way.wechat') },
            { value: 'cash', label: t('way.cash'), note: t('way.cash_note') },
          ]}
        />
      </Part>
    </>
  )
}

function Notices() {
  const { t } = usePage()
  return (
    <>
      <Part name="Money, Tag, Steps">
        <Money fen={104620} size="xl" />
        <p>
          <Tag>{t('payments.state_closed')}</Tag> <Tag tone="ok">{t('payments.state_paid')}</Tag>{' '}
          <Tag tone="warn">{t('payments.state_confirming')}</Tag> <Tag tone="bad">{t('bills.overdue')}</Tag>
        </p>
        <Steps names={[t('pay.step_scan'), t('pay.step_check'), t('pay.step_done')]} at={2} />
      </Part>
      <Part name="Banner">
        <Banner title={t('bills.oldest_first')} />
        <Banner tone="ok" title={t('money.not_charged')} />
        <Banner tone="warn" title={t('money.charged_pending')}>
          <p>{t('money.charged_pending_text')}</p>
        </Banner>
        <Banner tone="bad" title={t('verify.invalid')} />
      </Part>
      <Part name="LinkList, Pager, Empty">
        <LinkList
          rows={[
            { href: '/ui', title: t('mine.payments'), note: t('mine.payments_note'), tag: { text: t('payments.state_paid'), tone: 'ok' } },
          ]}
        />
        <Pager view={{ page: 2, pages: 3, prevHref: '/ui', nextHref: '/ui' }} />
        <Empty title={t('bills.empty')}>
          <p>{t('payments.empty_text')}</p>
        </Empty>
      </Part>
    </>
  )
}

function Figures() {
  const { t } = usePage()
  return (
    <>
      <Part name="SummaryList, Table">
        <Card kind="stack">
          <SummaryList rows={[{ label: t('done.account'), value: '3306 **** 2817', change: { href: '/ui', what: t('done.account') } }]} />
          <Table
            columns={[
              { title: t('bill.item'), cell: (r: readonly [string, string]) => r[0] },
              { title: t('bill.amount_yuan'), cell: r => r[1], numeric: true },
            ]}
            rows={[[t('bill.late_fee_item'), '1.20']]}
            total={['1.20']}
          />
        </Card>
      </Part>
      <Part name="TierBar, Columns">
        <Card kind="stack">
          <TierBar
            usage={41}
            unit="m³"
            tiers={[
              { name: '1', from: 0, upTo: 36 },
              { name: '2', from: 37, upTo: 60 },
              { name: '3', from: 61, upTo: null },
            ]}
          />
          <Columns
            title={t('bill.history')}
            unit="m³"
            columns={[
              { label: '9–10', note: t('bill.same_last_year'), value: 32, kind: 'compare' },
              { label: '7–8', note: t('bill.last'), value: 37, kind: 'recent' },
              { label: '9–10', note: t('bill.this'), value: 41, kind: 'this' },
            ]}
          />
        </Card>
      </Part>
      <Part name="Timeline, Undo, Receipt">
        <Timeline
          entries={[
            { at, actor: t('way.wechat'), text: t('payments.state_paid') },
            { at, actor: t('brand'), text: t('waiting.title'), isNow: true },
          ]}
        />
        <Undo view={undo} />
        <Receipt
          view={{
            receiptNo: 'WT-20261119-004817',
            service: t('home.pay'),
            periodLabel: '2026-11',
            biller: t('brand'),
            amountFen: 13195,
            payerFen: 12995,
            paidAt: at,
            accountMasked: '3306 **** 2817',
            channel: t('way.wechat'),
            verifyUrl: 'https://hall.example/verify?c=8k2m-4q7x-9d3r-t5w1',
          }}
        />
      </Part>
    </>
  )
}

const sizes: readonly (ElderSize | undefined)[] = [undefined, 'large', 'elder', 'max']

/** Every part in every size, side by side where there is room. */
export function GalleryPage() {
  const { t } = usePage()
  return (
    <Layout noSwitch>
      <h1>{t('gallery.title')}</h1>
      <p class="t-2">{t('gallery.lead')}</p>
      <div class="gallery">
        {sizes.map(size => (
          <div key={size ?? 'standard'} class="gallery__size" data-elder={size}>
            <h2>{t(`prefs.size_${size ?? 'standard'}`)}</h2>
            <Notices />
            <Controls size={size ?? 'standard'} />
            <Figures />
          </div>
        ))}
      </div>
    </Layout>
  )
}

export const galleryPage = (ctx: PageContext): string =>
  renderPage({ ...ctx, elder: undefined }, <GalleryPage />, { title: t(ctx.lang)('gallery.title'), sheet: 'gallery.css' })
