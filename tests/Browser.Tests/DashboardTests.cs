using System.Net;
using EndToEnd.Tests.Fixtures;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.Playwright;
using Testing;
using Xunit;
using static Microsoft.Playwright.Assertions;

namespace Browser.Tests;

/// <summary>The dashboard in a real browser: what it shows, how it is used, and what it does not let happen.</summary>
public sealed class DashboardTests
{
    private const int Sessions = 6;

    private static readonly string s_screenshots = Path.Combine(Gateway.RepositoryRoot, "artifacts", "screenshots");

    [RequiresProgramFact("chromium")]
    public async Task It_shows_sessions_routes_destinations_and_charts_that_move_without_anything_from_elsewhere()
    {
        await using var fixture = await DashboardFixture.StartAsync();
        await fixture.RunTrafficAsync(Sessions);
        var page = await fixture.Browser.NewPageAsync();
        var complaints = new List<string>();
        var elsewhere = new List<string>();
        page.Console += (_, message) =>
        {
            if (message.Type is "error" or "warning")
            {
                complaints.Add(message.Text);
            }
        };
        page.PageError += (_, error) => complaints.Add(error);
        page.Request += (_, request) =>
        {
            if (!request.Url.StartsWith(fixture.Admin.Address.ToString(), StringComparison.Ordinal) && !request.Url.StartsWith("data:", StringComparison.Ordinal))
            {
                elsewhere.Add(request.Url);
            }
        };
        await page.GotoAsync(fixture.Admin.Address.ToString());

        await Expect(page.Locator("#state")).ToHaveTextAsync("ready");
        await Expect(page.Locator("#f-sessions")).ToHaveTextAsync($"{Sessions}");
        await Expect(page.Locator("#t-sessions tbody tr")).ToHaveCountAsync(Sessions);
        await Expect(page.Locator("#t-sessions tbody")).ToContainTextAsync("database/a");
        await Expect(page.Locator("#t-routes tbody tr")).ToHaveCountAsync(2);
        await Expect(page.Locator("#t-destinations tbody tr")).ToHaveCountAsync(2);
        await Expect(page.Locator("#workers .worker")).ToHaveCountAsync(4);
        await Expect(page.Locator("#workers .local", new() { HasText = "100 % local" }).First).ToBeVisibleAsync();
        await Expect(page.Locator("#c-bytes path.stroke").First).ToBeAttachedAsync();
        await Expect(page.Locator("#c-latency path.stroke").First).ToBeAttachedAsync();
        await Expect(page.Locator("#f-http")).Not.ToHaveTextAsync("0/s");
        var before = await page.Locator("#c-bytes").InnerHTMLAsync();
        await Expect(page.Locator("#c-bytes")).Not.ToHaveJSPropertyAsync("innerHTML", before);
        Assert.Empty(complaints);
        Assert.Empty(elsewhere);
    }

    [RequiresProgramFact("chromium")]
    public async Task Names_are_shown_as_they_are_and_run_nothing()
    {
        await using var fixture = await DashboardFixture.StartAsync(isHostile: true);
        await fixture.RunTrafficAsync(1);
        var page = await fixture.OpenAsync();

        await Expect(page.Locator("#t-routes")).ToContainTextAsync(DashboardFixture.HostileRoute);
        await Expect(page.Locator("#t-sessions")).ToContainTextAsync(DashboardFixture.HostileRoute);
        Assert.Equal(0, await page.Locator("table img").CountAsync());
        await Expect(page).ToHaveTitleAsync("Gateway");
        // And if one did become markup, the policy would not run it.
        await page.EvaluateAsync("() => { const d = document.createElement('div'); d.innerHTML = '<img src=x onerror=\"document.title=1\">'; document.body.append(d); }");
        await Task.Delay(TimeSpan.FromMilliseconds(500));
        await Expect(page).ToHaveTitleAsync("Gateway");
    }

    [RequiresProgramFact("chromium")]
    public async Task With_the_keyboard_alone_one_signs_in_and_cuts_a_session()
    {
        await using var fixture = await DashboardFixture.StartAsync();
        await fixture.RunTrafficAsync(1);
        var page = await fixture.OpenAsync();
        await Expect(page.Locator("#t-sessions tbody button")).ToHaveCountAsync(1);

        await page.Keyboard.PressAsync("Tab");
        await Expect(page.Locator(".skip")).ToBeFocusedAsync();
        await page.Keyboard.PressAsync("Tab");
        await Expect(page.Locator("#signin")).ToBeFocusedAsync();
        await page.Keyboard.PressAsync("Enter");
        await Expect(page.Locator("#token")).ToBeFocusedAsync();
        await page.Keyboard.TypeAsync(AdminClient.Token);
        await page.Keyboard.PressAsync("Enter");
        await Expect(page.Locator("#signin")).ToHaveTextAsync("Sign out");

        // The tables are filled anew every other second; the keyboard stays where it is.
        await page.Locator("#t-sessions tbody button").FocusAsync();
        await Task.Delay(TimeSpan.FromSeconds(4));
        await Expect(page.Locator("#t-sessions tbody button")).ToBeFocusedAsync();
        await page.Keyboard.PressAsync("Enter");
        await Expect(page.Locator("#d-confirm")).ToBeVisibleAsync();
        await page.Keyboard.PressAsync("Tab");
        await page.Keyboard.PressAsync("Enter");
        await Expect(page.Locator("#t-sessions tbody")).ToContainTextAsync("No open sessions.");
    }

    [RequiresProgramFact("chromium")]
    public async Task A_destination_is_drained_and_resumed_and_a_wrong_token_is_refused()
    {
        await using var fixture = await DashboardFixture.StartAsync();
        var page = await fixture.OpenAsync();
        await page.ClickAsync("[data-key='drain database/a']");
        await Expect(page.Locator("#d-token")).ToBeVisibleAsync();
        await page.FillAsync("#token", "not-the-right-token");
        await page.Keyboard.PressAsync("Enter");
        await Expect(page.Locator("#notice")).ToContainTextAsync("sign in");
        await Expect(page.Locator("#signin")).ToHaveTextAsync("Sign in");

        await page.ClickAsync("#signin");
        await page.FillAsync("#token", AdminClient.Token);
        await page.Keyboard.PressAsync("Enter");
        await page.ClickAsync("[data-key='drain database/a']");
        await page.ClickAsync("#d-confirm [value=yes]");
        await Expect(page.Locator("#t-destinations")).ToContainTextAsync("draining");
        await page.ClickAsync("[data-key='resume database/a']");
        await page.ClickAsync("#d-confirm [value=yes]");
        await Expect(page.Locator("#t-destinations")).Not.ToContainTextAsync("draining");
    }

    [RequiresProgramFact("chromium")]
    public async Task It_follows_the_systems_colours_until_one_chooses()
    {
        await using var fixture = await DashboardFixture.StartAsync();
        var page = await fixture.OpenAsync(scheme: ColorScheme.Dark);
        await Expect(page.Locator("html")).ToHaveAttributeAsync("data-theme", "dark");
        await page.ClickAsync("#theme");
        await Expect(page.Locator("html")).ToHaveAttributeAsync("data-theme", "light");
        await page.ReloadAsync();
        await Expect(page.Locator("html")).ToHaveAttributeAsync("data-theme", "light");
    }

    [RequiresProgramFact("chromium")]
    public async Task On_a_phone_nothing_is_wider_than_the_screen()
    {
        await using var fixture = await DashboardFixture.StartAsync(isHostile: true);
        await fixture.RunTrafficAsync(Sessions);
        var page = await fixture.OpenAsync(390, 844);
        await Expect(page.Locator("#t-sessions tbody tr")).ToHaveCountAsync(Sessions);
        await Expect(page.Locator("#workers .worker")).ToHaveCountAsync(4);
        Assert.Equal(390, await page.EvaluateAsync<int>("() => document.documentElement.scrollWidth"));
    }

    [RequiresProgramFact("chromium")]
    public async Task A_page_of_another_site_can_neither_read_nor_act()
    {
        await using var fixture = await DashboardFixture.StartAsync();
        await fixture.RunTrafficAsync(1);
        var builder = WebApplication.CreateEmptyBuilder(new WebApplicationOptions());
        builder.WebHost.UseKestrelCore().ConfigureKestrel(static kestrel => kestrel.Listen(IPAddress.Loopback, 0));
        await using var other = builder.Build();
        other.Run(static context =>
        {
            context.Response.ContentType = "text/html";
            return context.Response.WriteAsync("<!doctype html><title>other</title>");
        });
        await other.StartAsync();
        var page = await fixture.Browser.NewPageAsync();
        await page.GotoAsync(other.Urls.First());

        var outcomes = await page.EvaluateAsync<string[]>(
            """
            async ([admin, token]) => {
              const attempt = (path, options) => fetch(admin + path, options).then(r => r.type === 'opaque' ? 'opaque' : String(r.status), () => 'blocked');
              return [
                await attempt('api/sessions', {}),
                await attempt('api/sessions/1', { method: 'DELETE', headers: { Authorization: 'Bearer ' + token } }),
                await attempt('api/clusters/database/destinations/a', { method: 'POST', headers: { Authorization: 'Bearer ' + token, 'Content-Type': 'application/json' }, body: '{"action":"cut"}' }),
                await attempt('api/clusters/database/destinations/a', { method: 'POST', mode: 'no-cors', body: '{"action":"cut"}' }),
              ];
            }
            """, new[] { fixture.Admin.Address.ToString(), AdminClient.Token });

        Assert.Equal(["blocked", "blocked", "blocked"], outcomes.Take(3));
        Assert.Contains(outcomes[3], new[] { "opaque", "blocked" });
        Assert.Equal(1, (await fixture.Admin.GetAsync("/api/sessions"))["total"]!.GetValue<int>());
    }

    [RequiresProgramFact("chromium")]
    public async Task Its_pictures_are_taken()
    {
        (string Name, int Width, int Height, ColorScheme Scheme)[] pictures =
        [
            ("desktop-light", 1360, 1180, ColorScheme.Light), ("desktop-dark", 1360, 1180, ColorScheme.Dark),
            ("phone-light", 390, 844, ColorScheme.Light), ("phone-dark", 390, 844, ColorScheme.Dark),
        ];
        await using var fixture = await DashboardFixture.StartAsync();
        await fixture.RunTrafficAsync(12);
        fixture.RunShortSessions();
        // What is slow once, at the first request, is not what a picture is to show.
        await Task.Delay(TimeSpan.FromSeconds(12));
        var pages = new List<IPage>();
        foreach (var picture in pictures)
        {
            pages.Add(await fixture.OpenAsync(picture.Width, picture.Height, picture.Scheme));
        }

        // Long enough that the charts have something to show.
        await Task.Delay(TimeSpan.FromSeconds(40));
        Directory.CreateDirectory(s_screenshots);
        foreach (var (page, picture) in pages.Zip(pictures))
        {
            var file = Path.Combine(s_screenshots, $"{picture.Name}.png");
            await page.ScreenshotAsync(new PageScreenshotOptions { Path = file });
            Assert.True(new FileInfo(file).Length > 10_000, "the picture is empty");
        }
    }
}
