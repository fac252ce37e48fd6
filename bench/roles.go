package main

import (
	"fmt"
	"os"
	"time"
)

// roleCounts are how many roles there are when the calls on roles are measured: a page is to cost the same with each.
var roleCounts = []int{100, 10_000, 100_000}

// byRoles measures calls on roles in accounts of several sizes, up to many roles, each next to the same yardstick.
func byRoles(clients int, length time.Duration, many int, yardstick figure) error {
	dir, err := os.MkdirTemp("", "bench-*")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	emulator, err := start("-serve", "emulator", "-dir", dir)
	if err != nil {
		return err
	}
	defer emulator.stop()
	made := 0
	create := func(n int) ([]request, error) {
		var creates []request
		for range n {
			r, err := sign(emulator.addr, "iam", "", query("CreateRole", iamVersion, "RoleName", fmt.Sprintf("role-%07d", made), "AssumeRolePolicyDocument", trust))
			if err != nil {
				return nil, err
			}
			made++
			creates = append(creates, r)
		}
		return creates, nil
	}
	for _, count := range roleCounts {
		if count > many {
			break
		}
		for made < count {
			creates, err := create(min(count-made, 10_000))
			if err != nil {
				return err
			}
			if _, _, err := load(emulator.addr, 64, time.Hour, each(creates)); err != nil {
				return err
			}
		}
		fmt.Printf("\nwith %d roles\n", count)
		for _, c := range []struct{ name, body string }{
			{"iam:GetRole", query("GetRole", iamVersion, "RoleName", "role-0000042")},
			{"iam:ListRoles, a page of 100", query("ListRoles", iamVersion)},
			{"iam:GetAccountAuthorizationDetails, as many", query("GetAccountAuthorizationDetails", iamVersion)},
		} {
			r, err := sign(emulator.addr, "iam", "", c.body)
			if err != nil {
				return err
			}
			f, err := run(emulator, clients, length, always(r))
			if err != nil {
				return fmt.Errorf("%s: %w", c.name, err)
			}
			report(c.name, f, yardstick)
		}
		// Few of them, so that there are about as many roles as before.
		creates, err := create(max(1000, count/20))
		if err != nil {
			return err
		}
		before, err := emulator.cpu()
		if err != nil {
			return err
		}
		n, took, err := load(emulator.addr, 64, time.Hour, each(creates))
		if err != nil {
			return fmt.Errorf("CreateRole: %w", err)
		}
		after, err := emulator.cpu()
		if err != nil {
			return err
		}
		report("iam:CreateRole, 64 clients, on disk", figure{float64(n) / took.Seconds(), (after - before) / time.Duration(n)}, yardstick)
	}
	return nil
}
