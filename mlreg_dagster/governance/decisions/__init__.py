"""Decisions of people on a version: approvals, rejections, waivers, their signatures, and which of them count."""
